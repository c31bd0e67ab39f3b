# Ways out of the jail. Each part begins with a line `#! name`, runs by itself, and sets `escaped` to its evidence when it
# gets what it wants; an exception means that it was stopped. Words in capitals with @ are filled in by the test.
#! descriptors left open by the server (first: later parts open some of their own)
import os
known = set()
for fd in range(4, 256):
    try: os.fstat(fd); known.add(fd)
    except OSError: pass
escaped = known
#! class walk to os
escaped = [c for c in ().__class__.__base__.__subclasses__() if c.__name__ == "_wrap_close"][0].__init__.__globals__["sys"].modules["builtins"].open("@HOST_FILE@").read()
#! class walk to subprocess
import subprocess
escaped = [c for c in object.__subclasses__() if c.__name__ == "Popen"][0](["cat", "@HOST_FILE@"], stdout=-1).communicate()
#! open a host file
escaped = open("@HOST_FILE@").read()
#! open /etc/passwd
escaped = open("/etc/passwd").read()
#! open /etc/shadow
escaped = open("/etc/shadow").read()
#! list the root of the host
import os
escaped = [n for n in os.listdir("/") if n not in {"work", "tmp", "dev", "harness", "packages", "python", "lib", "lib64", "usr"}]
#! list homes
import os
escaped = os.listdir("/root") or os.listdir("/home")
#! climb out with dots
escaped = open("../" * 40 + "@HOST_FILE@".lstrip("/")).read()
#! symlink to a host file, read through it
import os
os.symlink("@HOST_FILE@", "link1"); escaped = open("link1").read()
#! hard link to a library, write through it
import os
os.link(os.__file__, "os-link.py"); open("os-link.py", "a").write("#"); escaped = "wrote"
#! read the harness as a writable file
open("/harness/turnstone_harness.py", "a").write("#"); escaped = "wrote"
#! replace the harness
import os
os.unlink("/harness/turnstone_harness.py"); escaped = "unlinked"
#! write the standard library
import os
open(os.__file__, "a").write("#"); escaped = "wrote"
#! write the packages
open("/packages/evil.py", "w").write("x=1"); escaped = "wrote"
#! write below /usr
open("/usr/lib/evil.so", "w").write("x"); escaped = "wrote"
#! write in the root
open("/evil", "w").write("x"); escaped = "wrote"
#! write in /dev
open("/dev/evil", "w").write("x"); escaped = "wrote"
#! environment secrets
import os
escaped = [v for v in os.environ.values() if "@TOKEN@" in v]
#! environment of process 1
escaped = open("/proc/1/environ").read()
#! environment through ctypes
import ctypes
libc = ctypes.CDLL(None); env = ctypes.POINTER(ctypes.c_char_p).in_dll(libc, "environ"); i = 0; found = []
while env[i]: found.append(env[i]); i += 1
escaped = [v for v in found if b"@TOKEN@" in v]
#! own memory through /proc
escaped = open("/proc/self/mem", "rb").read(1)
#! memory of a host process
escaped = open("/proc/@HOST_PID@/mem", "rb").read(1)
#! root of a host process
escaped = open("/proc/@HOST_PID@/root/etc/passwd").read()
#! mount proc
import ctypes
libc = ctypes.CDLL(None, use_errno=True); import os; os.mkdir("p")
escaped = libc.mount(b"proc", b"/work/p", b"proc", 0, None) == 0
#! mount tmpfs over /usr
import ctypes
escaped = ctypes.CDLL(None).mount(b"none", b"/usr", b"tmpfs", 0, None) == 0
#! remount the root writable
import ctypes
escaped = ctypes.CDLL(None).mount(None, b"/", None, 32, None) == 0
#! unmount a folder
import ctypes
escaped = ctypes.CDLL(None).umount2(b"/harness/turnstone_harness.py", 2) == 0
#! new mount API
import ctypes
escaped = ctypes.CDLL(None).syscall(430, b"tmpfs", 0) >= 0
#! open_tree
import ctypes
escaped = ctypes.CDLL(None).syscall(428, -100, b"/", 1) >= 0
#! pivot_root
import ctypes
escaped = ctypes.CDLL(None).syscall(@NR_PIVOT_ROOT@, b"/work", b"/work") == 0
#! chroot and climb
import os
os.mkdir("c"); os.chroot("c"); os.chdir("../../../../.."); os.chroot("."); escaped = os.listdir("/")
#! new user namespace
import ctypes
escaped = ctypes.CDLL(None).unshare(0x10000000) == 0
#! new mount namespace
import ctypes
escaped = ctypes.CDLL(None).unshare(0x00020000) == 0
#! clone into a user namespace
import ctypes
escaped = ctypes.CDLL(None).syscall(@NR_CLONE@, 0x10000000 | 17, 0, 0, 0, 0) >= 0
#! clone3
import ctypes
escaped = ctypes.CDLL(None).syscall(435, ctypes.create_string_buffer(88), 88) >= 0
#! join a namespace
import ctypes, os
escaped = ctypes.CDLL(None).setns(os.open("/work", os.O_RDONLY), 0) == 0
#! fork
import os
pid = os.fork()
if pid == 0: os._exit(0)
escaped = "forked"
#! vfork
import ctypes
escaped = ctypes.CDLL(None).syscall(58) >= 0 if "@ARCH@" == "x64" else None
#! multiprocessing
import multiprocessing
p = multiprocessing.get_context("fork").Process(target=print); p.start(); escaped = "started"
#! shell
import os
escaped = os.system("true") == 0
#! subprocess
import subprocess, sys
escaped = subprocess.run([sys.executable, "-c", "1"]).returncode == 0
#! posix_spawn
import os, sys
escaped = os.posix_spawn(sys.executable, [sys.executable, "-c", "1"], {}) > 0
#! exec a setuid program
import os
escaped = [p for p in ("/usr/bin/su", "/bin/su", "/usr/bin/passwd", "/usr/bin/sudo", "/usr/bin/mount", "/usr/bin/newuidmap") if os.path.exists(p)]
#! ptrace attach
import ctypes
escaped = ctypes.CDLL(None).ptrace(16, @HOST_PID@, 0, 0) == 0
#! ptrace itself
import ctypes
escaped = ctypes.CDLL(None).ptrace(0, 0, 0, 0) == 0
#! process_vm_readv
import ctypes
escaped = ctypes.CDLL(None).process_vm_readv(1, None, 0, None, 0, 0) >= 0
#! signal a host process
import os
os.kill(@HOST_PID@, 9); escaped = "killed"
#! signal everything
import os
os.kill(-1, 9); escaped = None
#! pidfd of process 1
import os
escaped = os.pidfd_open(1) >= 0
#! TCP to the host
import socket
s = socket.create_connection(("127.0.0.1", @PORT@), 2); s.send(b"x"); escaped = "connected"
#! TCP over IPv6
import socket
s = socket.create_connection(("::1", @PORT@), 2); escaped = "connected"
#! UDP to the host
import socket
escaped = socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b"x", ("127.0.0.1", @PORT@)) > 0
#! raw socket
import socket
escaped = socket.socket(socket.AF_INET, socket.SOCK_RAW, 1).fileno() >= 0
#! packet socket
import socket
escaped = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 3).fileno() >= 0
#! netlink socket
import socket
escaped = socket.socket(16, socket.SOCK_RAW, 0).fileno() >= 0
#! vsock
import socket
escaped = socket.socket(40, socket.SOCK_STREAM).fileno() >= 0
#! kernel crypto socket
import socket
escaped = socket.socket(38, socket.SOCK_SEQPACKET, 0).fileno() >= 0
#! UNIX socket by path
import socket
s = socket.socket(socket.AF_UNIX); s.connect("@UNIX_SOCKET@"); escaped = "connected"
#! abstract UNIX socket
import socket
s = socket.socket(socket.AF_UNIX); s.connect("\0@ABSTRACT@"); escaped = "connected"
#! resolve a name
import socket
escaped = socket.gethostbyname("example.com")
#! HTTP to the metadata address
import urllib.request
escaped = urllib.request.urlopen("http://169.254.169.254/", timeout=2).read()
#! docker socket
import socket
s = socket.socket(socket.AF_UNIX); s.connect("/var/run/docker.sock"); escaped = "connected"
#! io_uring
import ctypes
escaped = ctypes.CDLL(None).syscall(425, 8, ctypes.create_string_buffer(120)) >= 0
#! bpf
import ctypes
escaped = ctypes.CDLL(None).syscall(@NR_BPF@, 0, ctypes.create_string_buffer(128), 128) >= 0
#! userfaultfd
import ctypes
escaped = ctypes.CDLL(None).syscall(@NR_USERFAULTFD@, 0) >= 0
#! perf_event_open
import ctypes
escaped = ctypes.CDLL(None).syscall(@NR_PERF@, ctypes.create_string_buffer(128), 0, -1, -1, 0) >= 0
#! keyrings
import ctypes
escaped = ctypes.CDLL(None).syscall(@NR_KEYCTL@, 0, -3, 1) >= 0
#! kernel log
import ctypes
escaped = ctypes.CDLL(None).klogctl(3, ctypes.create_string_buffer(100), 100) > 0
#! memory that no limit counts: memfd
import os
escaped = os.memfd_create("x") >= 0
#! memory that no limit counts: SysV shared memory
import ctypes
escaped = ctypes.CDLL(None).shmget(0, 4096, 0o1600) >= 0
#! open by handle
import ctypes
escaped = ctypes.CDLL(None).syscall(@NR_OPEN_BY_HANDLE@, -100, ctypes.create_string_buffer(32), 0) >= 0
#! become root
import os
os.setuid(0); escaped = os.getuid() == 0
#! become root by setresuid
import os
os.setresuid(0, 0, 0); escaped = "root"
#! get capabilities back
import ctypes
header = (ctypes.c_uint32 * 2)(0x20080522, 0); data = (ctypes.c_uint32 * 6)(*[0xFFFFFFFF] * 6)
escaped = ctypes.CDLL(None).capset(header, data) == 0
#! turn no_new_privs off
import ctypes
escaped = ctypes.CDLL(None).prctl(38, 0, 0, 0, 0) == 0
#! outlive the server
import ctypes
escaped = ctypes.CDLL(None).prctl(1, 0, 0, 0, 0) == 0
#! raise the limits
import resource
resource.setrlimit(resource.RLIMIT_AS, (resource.RLIM_INFINITY, resource.RLIM_INFINITY)); escaped = "raised"
#! raise the CPU limit
import resource
resource.setrlimit(resource.RLIMIT_CPU, (10**6, 10**6)); escaped = "raised"
#! raise the priority
import os
os.nice(-20); escaped = "raised"
#! block device
import os, stat
os.mknod("disk", 0o600 | stat.S_IFBLK, os.makedev(8, 0)); escaped = open("disk", "rb").read(1)
#! character device of memory
import os, stat
os.mknod("mem", 0o600 | stat.S_IFCHR, os.makedev(1, 1)); escaped = open("mem", "rb").read(1)
#! host devices
import os
escaped = [n for n in os.listdir("/dev") if n not in {"null", "zero", "urandom"}]
#! host name
import os
escaped = os.uname().nodename if os.uname().nodename != "jail" else None
#! set the host name
import socket
socket.sethostname("evil"); escaped = "set"
#! set the clock
import time
time.clock_settime(time.CLOCK_REALTIME, 0); escaped = "set"
#! sysfs and cgroups
import os
escaped = os.listdir("/sys")
#! core pattern
open("/proc/sys/kernel/core_pattern", "w").write("|/work/x"); escaped = "wrote"
#! LD_PRELOAD for whoever comes next
import os
open("/etc/ld.so.preload", "w").write("/work/evil.so"); escaped = "wrote"
#! sitecustomize for whoever comes next
open("/packages/sitecustomize.py", "w").write("x"); escaped = "wrote"
#! descriptors passed by the host
import socket, os, array
s = socket.socket(fileno=os.dup(3)); s.setblocking(False)
data, ancillary, _, _ = s.recvmsg(1, 1024); escaped = ancillary or None
#! the parent of process 1
import os
escaped = os.getppid() != 0
#! exception formatting with frames
try: 1 / 0
except Exception as e: escaped = [v for f in [e.__traceback__.tb_frame] for v in map(str, f.f_builtins.values()) if "@TOKEN@" in v]
#! secrets in the arguments of the interpreter
import sys
escaped = [a for a in sys.orig_argv if "@TOKEN@" in a or "@HOST_FILE@" in a] if hasattr(sys, "orig_argv") else None
#! pickle that calls the system
import pickle, os
class P:
    def __reduce__(self): return (os.system, ("cat @HOST_FILE@ > /work/leak",))
escaped = pickle.loads(pickle.dumps(P())) == 0
