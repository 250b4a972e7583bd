"""The users that things are run as."""
import os
import pwd
import subprocess
import time


class User:
    """An account of this machine, and a workspace of its own for the benchmarks."""

    path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

    def __init__(self, name):
        entry = pwd.getpwnam(name)
        self.name, self.id, self.group, self.home = name, entry.pw_uid, entry.pw_gid, entry.pw_dir
        self.workspace = os.path.join(self.home, "coop-benchmark")
        os.makedirs(self.workspace, exist_ok=True)
        os.chown(self.workspace, self.id, self.group)
        self.environment = {"HOME": self.home, "PATH": self.path, "LANG": "C.UTF-8"}

    def _become(self):
        if os.geteuid() == 0:
            os.setgroups([])
            os.setgid(self.group)
            os.setuid(self.id)

    def start(self, argv, directory=None, **options):
        options.setdefault("stdin", subprocess.DEVNULL)
        options.setdefault("env", self.environment)
        return subprocess.Popen(
            argv, cwd=directory or self.workspace, preexec_fn=self._become, **options)

    def output(self, argv, directory=None):
        process = self.start(argv, directory, stdout=subprocess.PIPE)
        text, _ = process.communicate()
        if process.returncode != 0:
            raise SystemExit(f"{' '.join(argv[:4])} … as {self.name} ended with {process.returncode}")
        return text.decode()

    def seconds(self, argv, directory=None):
        """How long a command takes that says nothing; it has to succeed."""
        begin = time.monotonic()
        process = self.start(argv, directory, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        _, complaint = process.communicate()
        if process.returncode != 0:
            raise SystemExit(f"{argv}: {complaint.decode()}")
        return time.monotonic() - begin

    def contender(self, name, argv):
        """A line for interleave.c."""
        fields = [name, str(self.id), str(self.group), self.home, self.workspace, *argv]
        if any("\t" in field or "\n" in field for field in fields):
            raise ValueError("a tab or newline in a command")
        return "\t".join(fields)


def find(name):
    try:
        return User(name)
    except KeyError:
        return None


def ordinary(names=None):
    """Users of the tests, made where they are missing: one without and one with subordinate ids."""
    if names:
        return {name: User(name) for name in names}
    if os.geteuid() != 0:
        return {"user": User(pwd.getpwuid(os.geteuid()).pw_name)}
    result = {}
    for name, subordinate in (("cooptest", False), ("coopsub", True)):
        if find(name) is None:
            subprocess.run(["useradd", "--create-home", "--shell", "/bin/bash", name], check=True)
            if not subordinate:
                drop("/etc/subuid", name)
                drop("/etc/subgid", name)
        result[name] = User(name)
    return result


def drop(file, name):
    """useradd gives subordinate ids to everybody; one user is to have none."""
    with open(file) as old:
        lines = [line for line in old if not line.startswith(name + ":")]
    with open(file, "w") as new:
        new.writelines(lines)
