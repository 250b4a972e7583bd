"""Memory of coop's own processes."""


def measure(tools):
    return []
