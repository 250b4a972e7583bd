"""The other sandboxes, given the same to do as coop."""
import json
import os
import shutil
import subprocess
import tarfile


def plan(coop, user, directory, arguments=("/bin/true",)):
    """What coop itself would set up without a network, from `coop explain --json`: what a session with a gateway mounts is its own."""
    text = user.output([coop, "explain", "--json", "--network", "none", "--", *arguments], directory)
    return json.loads(text)


def bubblewrap(explanation, covers, command):
    """The argv of bubblewrap with the mounts of coop's own plan.

    Left out, all in bubblewrap's favour: the eight files of /etc that coop writes, size limits of tmpfs, Landlock, seccomp,
    the check of the result. `covers` adds the read-only and empty parts of /proc.
    """
    # --dev makes these by itself, as ten mounts of its own.
    made = ("/dev/",)
    result = ["/usr/bin/bwrap", "--unshare-all", "--die-with-parent", "--new-session", "--hostname", "coop"]
    for operation in explanation["plan"]["operations"]:
        (name, value), = operation.items()
        path = value.get("target", value.get("path", ""))
        if path.startswith(made) and name != "messageQueues":
            continue
        if name == "bind":
            result += ["--ro-bind" if value["restrictions"] & 1 else "--bind", value["source"], path]
        elif name == "copy":
            # bubblewrap's way to have the file there.
            result += ["--ro-bind", value["source"], path]
        elif name == "symlink":
            result += ["--symlink", value["destination"], path]
        elif name == "directory":
            result += ["--dev", path] if path == "/dev" else ["--dir", path]
        elif name == "tmpfs":
            result += ["--tmpfs", path]
        elif name == "proc":
            result += ["--proc", path]
        elif name == "messageQueues":
            result += ["--mqueue", path]
        elif name == "readOnly" and covers and path.startswith("/proc/"):
            result += ["--ro-bind", path, path]
        elif name == "mask" and covers and path.startswith("/proc/"):
            result += ["--tmpfs", path] if os.path.isdir(path) else ["--ro-bind", "/dev/null", path]
    return result + ["--chdir", explanation["spec"]["workingDirectory"], "--", *command]


class Podman:
    """podman with crun, a private store, and an image made of a few programs of this machine. Needs root."""

    image = "localhost/coop-benchmark"
    programs = ["/bin/true", "/bin/sh", "/bin/sleep", "/bin/cat"]

    def __init__(self, scratch):
        self.scratch = scratch
        configuration = os.path.join(scratch, "containers.conf")
        with open(configuration, "w") as file:
            # Raising limits and lowering the OOM score need a capability that root may lack inside a container or VM.
            file.write(
                '[containers]\ndefault_ulimits = ["nofile=1024:4096", "nproc=1024:4096"]\n'
                '[engine]\ncgroup_manager = "cgroupfs"\nevents_logger = "file"\nruntime = "crun"\n')
        os.environ["CONTAINERS_CONF"] = configuration
        self.base = [
            "/usr/bin/podman", "--root", os.path.join(scratch, "store"), "--runroot", os.path.join(scratch, "run"),
            "--cgroup-manager", "cgroupfs", "--events-backend", "file", "--runtime", "crun",
        ]
        self.limits = ["--network", "none", "--pull", "never"]
        # Its default network is a bridge, which netavark makes with iptables.
        self.has_network = os.path.exists("/usr/lib/podman/netavark") and available("iptables")
        archive = os.path.join(scratch, "image.tar")
        with tarfile.open(archive, "w") as tar:
            for path in sorted(self.files()):
                tar.add(os.path.realpath(path), arcname=path.lstrip("/"))
        subprocess.run([*self.base, "import", "-q", archive, self.image], check=True, stdout=subprocess.DEVNULL)

    def files(self):
        result = set(self.programs)
        for program in self.programs:
            listing = subprocess.run(["ldd", program], check=True, capture_output=True, text=True).stdout
            for word in listing.split():
                if word.startswith("/"):
                    result.add(word)
        return result

    def run(self, command, *options):
        return [*self.base, "run", *self.limits, *options, self.image, *command]

    def run_networked(self, command, *options):
        """With the network that `podman run` has unless it is told otherwise. To be run in a network namespace of one's own."""
        return [*self.base, "run", "--pull", "never", *options, self.image, *command]

    def exec(self, container, command):
        return [*self.base, "exec", container, *command]

    def quietly(self, *arguments):
        subprocess.run([*self.base, *arguments], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def close(self):
        self.quietly("rm", "-f", "-t", "0", "-a")
        self.quietly("rmi", "-f", self.image)
        for kind in ("store/overlay", "run"):
            subprocess.run(["umount", "-q", os.path.join(self.scratch, kind)], stderr=subprocess.DEVNULL)
        shutil.rmtree(self.scratch, ignore_errors=True)


def available(name):
    return shutil.which(name) is not None
