"""Commands that list and look, where coop keeps 200 projects and 1 000 secrets."""
import copy
import os

import figures
from start import interleave

PROJECTS, SECRETS, ENVIRONMENTS = 200, 1000, 20
LIMIT = 0.030

COMMANDS = [
    ["project", "list"], ["project", "list", "--json"], ["project", "info"], ["secret", "list"], ["secret", "list", "--json"],
    ["secret", "show", "TOKEN_17"], ["env", "list"], ["env", "list", "--json"], ["config", "list"], ["config", "list", "--json"], ["ps"],
    ["trust", "--show"], ["grant", "list"], ["grant", "list", "--json"], ["policy", "show"], ["why", "/etc/passwd"],
    ["explain", "--", "/bin/true"], ["--project", "project-150", "project", "info"],
]


def key(path):
    """The name of a project's directory (ProjectKey): enough of it for these paths."""
    return path[1:].replace("_", "__").replace("-", "_-").replace("/", "-")


def fixture(place, user):
    """A home as it is after a year: files as coop writes them. Returns the home, a project with secrets, and a directory that is new."""
    home = os.path.join(place, "home")
    coop = os.path.join(home, ".coop")

    def write(path, text):
        os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
        with open(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600), "w") as file:
            file.write(text)

    for number in range(PROJECTS):
        path = os.path.join(place, "work", f"project-{number}")
        os.makedirs(path)
        state = os.path.join(coop, "projects", key(path))
        found = os.stat(path)
        write(
            os.path.join(state, "project.toml"),
            f'# Kept by coop.\nversion = 1\npath = "{path}"\nname = "project-{number}"\nid = "id{number:010}"\ncreated = 1763716000\n'
            f'identity = "{os.major(found.st_dev)}:{os.minor(found.st_dev)} {found.st_ino} 1763716000.000000000"\n')
        write(os.path.join(coop, "trust", key(path)), f'version = 1\npath = "{path}"\ndigest = "{"0" * 64}"\nitems = ["reach a.example"]\n')
    here = os.path.join(place, "work", "project-100")
    for number in range(SECRETS):
        scope = os.path.join(coop, "projects", key(here)) if number % 4 == 0 else os.path.join(coop, "global")
        write(os.path.join(scope, "secrets", f"TOKEN_{number}.secret"),
              f"coop-secret 1\ncreated=1763716000\nchanged=1763716000\nprovider=github\n\nghp_{number:036}")
    for number in range(ENVIRONMENTS):
        write(os.path.join(coop, "global", "env", f"env{number}.env"), "".join(f"NAME_{line}='value {line}'\n" for line in range(30)))
    write(os.path.join(here, "coop.toml"), 'name = "project-100"\n[sandbox]\nenv_block = ["X_*"]\n')
    new = os.path.join(place, "work", "new")
    os.makedirs(new)
    for directory, names, files in os.walk(place):
        for name in [directory, *(os.path.join(directory, file) for file in names + files)]:
            os.chown(name, user.id, user.group)
    os.chmod(place, 0o755)
    return home, here, new


def measure(tools):
    user = copy.copy(next(iter(tools.users.values())))
    home, here, new = fixture(os.path.join(tools.scratch, "many"), user)
    user.home = home
    lines = []
    for directory, commands in ((here, COMMANDS), (new, [["project", "info"], ["secret", "list"], ["explain", "--", "/bin/true"]])):
        user.workspace = directory
        where = "" if directory == here else " (a new project)"
        lines += [user.contender(f"coop {' '.join(words)}{where}", [tools.coop, *words]) for words in commands]
    samples = interleave(tools, max(20, tools.rounds // 5), lines)
    table = figures.Table(
        f"With {PROJECTS} projects and {SECRETS} secrets", ["", "p50 ms", "p95 ms", "least ms", "target", ""])
    for label, values in samples.items():
        p50, p95, least = figures.row(values)
        table.add(label, figures.ms(p50), figures.ms(p95), figures.ms(least), "< 30 ms", figures.verdict(p50 < LIMIT))
    return [table]
