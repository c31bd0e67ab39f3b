"""Runs one piece of code inside the jail, then ends.

Imported as `turnstone_harness` by process 1 of its own namespaces (jailed-python.ts starts it), so that `__main__` belongs to
the code alone. Fd 3 is a stream to the host: one JSON line with the job and
the bytes of its files come in; one JSON line with the outcome and the bytes of new files go out. Fds 1 and 2 are the code's
own output. The code shares this process, so nothing here protects the host: the jail does, and the host trusts no byte of
what it reads. The file must run on Python 3.9 and later.
"""

import ast
import builtins
import json
import linecache
import os
import resource
import select
import shutil
import site
import stat
import sys
import traceback

CONTROL = 3
WORK = "/work"
CODE_NAME = "<code>"
MAX_TRACEBACK = 20_000


def apply_limits(limits):
    """Hard limits: the code cannot raise them again."""

    def cap(kind, soft, hard=None):
        resource.setrlimit(kind, (soft, soft if hard is None else hard))

    cap(resource.RLIMIT_AS, limits["memoryBytes"])
    cap(resource.RLIMIT_FSIZE, limits["diskBytes"])
    cap(resource.RLIMIT_NOFILE, limits["openFiles"])
    cap(resource.RLIMIT_NPROC, limits["threads"])
    cap(resource.RLIMIT_CORE, 0)
    cap(resource.RLIMIT_MEMLOCK, 0)
    # One second between the soft signal, which process 1 ignores, and the kill that it cannot.
    cap(resource.RLIMIT_CPU, limits["cpuSeconds"], limits["cpuSeconds"] + 1)


def read_exact(size):
    parts = []
    while size > 0:
        part = os.read(CONTROL, min(size, 1 << 16))
        if not part:
            os._exit(0)  # the host is gone or throws this process away
        parts.append(part)
        size -= len(part)
    return b"".join(parts)


def read_line():
    # The first eight bytes say how long the line is: no byte of the files behind it is read by accident.
    size = int.from_bytes(read_exact(8), "big")
    return json.loads(read_exact(size).decode("utf-8", "surrogatepass"))


def write_all(data):
    view = memoryview(data)
    while view:
        sent = os.write(CONTROL, view[: 1 << 16])
        view = view[sent:]


def write_line(message):
    line = json.dumps(message).encode("ascii")
    write_all(len(line).to_bytes(8, "big") + line)


def job_waits():
    return bool(select.select([CONTROL], [], [], 0)[0])


def warm_up(modules):
    """Import what is slow to import, as long as nobody waits."""
    for name in modules:
        if job_waits():
            return
        try:
            __import__(name)
        except Exception as error:  # a broken package must not keep plain code from running
            print(f"warm-up: {name}: {error!r}", file=sys.stderr)


def prepare_streams():
    for stream in (sys.stdout, sys.stderr):
        # Whole lines reach the host at once, so that output before a kill is not lost.
        stream.reconfigure(encoding="utf-8", errors="backslashreplace", line_buffering=True)


def prepare_interpreter(packages):
    if packages:
        sys.path.append(packages)
        if os.path.isdir(os.path.join(packages, ".matplotlib")):
            # The font list was built with the environment; matplotlib wants its folder writable.
            shutil.copytree(os.path.join(packages, ".matplotlib"), "/tmp/matplotlib", dirs_exist_ok=True)
    sys.path.append("/harness")  # the figure backend
    site.setquit()
    site.sethelper()


def write_inputs(files):
    seen = {}
    for entry in files:
        path = os.path.join(WORK, entry["name"])
        with open(path, "wb") as target:
            left = entry["size"]
            while left > 0:
                part = read_exact(min(left, 1 << 20))
                target.write(part)
                left -= len(part)
        seen[path] = fingerprint(os.lstat(path))
    return seen


def fingerprint(status):
    return (status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino)


def drop_own_frames(error):
    """The traceback as the author of the code expects it: without this file's frames."""
    frame = error.__traceback__
    while frame is not None and frame.tb_frame.f_code.co_filename == __file__:
        frame = frame.tb_next
    return error.with_traceback(frame)


def describe(error):
    try:
        text = "".join(traceback.format_exception(type(error), error, error.__traceback__))
    except BaseException as second:  # an exception whose formatting fails is still an answer
        text = f"{type(error).__name__} (its text cannot be shown: {type(second).__name__})\n"
    if len(text) > MAX_TRACEBACK:
        half = MAX_TRACEBACK // 2
        text = f"{text[:half]}\n[... {len(text) - MAX_TRACEBACK} characters left out ...]\n{text[-half:]}"
    return text


def run_code(code):
    """@returns the traceback, or None. The value of a last expression is shown as the interactive prompt shows it."""
    linecache.cache[CODE_NAME] = (len(code), None, code.splitlines(True), CODE_NAME)
    names = {"__name__": "__main__", "__builtins__": builtins, "__doc__": None}
    main = sys.modules["__main__"]
    try:
        tree = ast.parse(code, CODE_NAME)
        last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
        main.__dict__.clear()
        main.__dict__.update(names)
        exec(compile(tree, CODE_NAME, "exec"), main.__dict__)
        if last is not None:
            sys.displayhook(eval(compile(ast.Expression(last.value), CODE_NAME, "eval"), main.__dict__))
    except SystemExit as error:
        return None if error.code in (None, 0) else f"SystemExit: {error.code!r}\n"
    except BaseException as error:
        return describe(drop_own_frames(error))
    return None


def save_open_figures():
    pyplot = sys.modules.get("matplotlib.pyplot")
    backend = sys.modules.get("turnstone_figures")
    if pyplot is not None and backend is not None:
        backend.save_open_figures()


def collect(seen, limits):
    """New and changed regular files of the work folder. Links, devices and hidden files are never followed or read."""
    found, notes, total = [], [], 0
    for folder, folders, names in os.walk(WORK, followlinks=False):
        folders[:] = sorted(name for name in folders if not name.startswith((".", "__pycache__")))
        for name in sorted(names):
            path = os.path.join(folder, name)
            status = os.lstat(path)
            if name.startswith(".") or seen.get(path) == fingerprint(status):
                continue
            label = os.path.relpath(path, WORK)
            if not stat.S_ISREG(status.st_mode):
                notes.append(f"{label} is not a regular file and was left out")
            elif len(found) >= limits["outputFiles"]:
                notes.append(f"{label} was left out: at most {limits['outputFiles']} files come back")
            elif total + status.st_size > limits["outputFileBytes"]:
                notes.append(f"{label} was left out: at most {limits['outputFileBytes']} bytes come back")
            else:
                found.append((path, label, status.st_size))
                total += status.st_size
    return found, notes[:20]


def send_outcome(error, files, notes):
    contents = []
    for path, label, size in files:
        with open(path, "rb", opener=lambda name, flags: os.open(name, flags | os.O_NOFOLLOW | os.O_NONBLOCK)) as source:
            contents.append((label, source.read(size)))
    write_line(
        {
            "status": "completed" if error is None else "error",
            "traceback": error or "",
            "files": [{"name": label, "size": len(content)} for label, content in contents],
            "notes": notes,
        }
    )
    for _, content in contents:
        write_all(content)


def main():
    limits, streams = json.loads(sys.argv[1]), (sys.stdout, sys.stderr)
    os.closerange(CONTROL + 1, 1024)
    os.chdir(WORK)
    os.nice(5)  # the server's own work comes first
    apply_limits(limits)
    prepare_streams()
    prepare_interpreter(limits["packages"])
    write_line({"ready": True})
    warm_up(limits["warmModules"])
    job = read_line()
    seen = write_inputs(job["files"])
    sys.argv = [CODE_NAME]
    sys.path.insert(0, WORK)
    error = run_code(job["code"])
    try:
        save_open_figures()
    except BaseException as second:
        error = error or describe(second)
    for stream in streams:
        try:
            stream.flush()
        except BaseException:  # the code closed it; what it printed before is already out
            pass
    files, notes = collect(seen, limits)
    send_outcome(error, files, notes)
    os._exit(0)  # neither exit handlers nor threads of the code may hold the answer up
