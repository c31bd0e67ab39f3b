/**
 * The system-call filter of the jail, as the classic BPF program that `bwrap --seccomp` loads. Namespaces already take away
 * the host's files, processes and network; the filter takes away kernel interfaces through which jails have been left, and
 * new processes, so that one job is one process and a fork bomb is an exception in Python.
 */
type Architecture = 'x64' | 'arm64';

/** AUDIT_ARCH_X86_64 and AUDIT_ARCH_AARCH64. */
const AUDIT_ARCH: Record<Architecture, number> = { x64: 0xc000003e, arm64: 0xc00000b7 };

/** Syscall numbers per architecture, x64 first; null where the architecture has no such call. */
const REFUSED: readonly (readonly [name: string, x64: number | null, arm64: number | null])[] = [
  ['fork', 57, null],
  ['vfork', 58, null],
  ['ptrace', 101, 117],
  ['process_vm_readv', 310, 270],
  ['process_vm_writev', 311, 271],
  ['kcmp', 312, 272],
  ['mount', 165, 40],
  ['umount2', 166, 39],
  ['pivot_root', 155, 41],
  ['chroot', 161, 51],
  ['unshare', 272, 97],
  ['setns', 308, 268],
  ['add_key', 248, 217],
  ['request_key', 249, 218],
  ['keyctl', 250, 219],
  ['bpf', 321, 280],
  ['perf_event_open', 298, 241],
  ['userfaultfd', 323, 282],
  ['kexec_load', 246, 104],
  ['kexec_file_load', 320, 294],
  ['init_module', 175, 105],
  ['finit_module', 313, 273],
  ['delete_module', 176, 106],
  ['name_to_handle_at', 303, 264],
  ['open_by_handle_at', 304, 265],
  ['quotactl', 179, 60],
  ['swapon', 167, 224],
  ['swapoff', 168, 225],
  ['reboot', 169, 142],
  ['acct', 163, 89],
  ['syslog', 103, 116],
  ['settimeofday', 164, 170],
  ['clock_settime', 227, 112],
  ['clock_adjtime', 305, 266],
  ['adjtimex', 159, 171],
  ['sethostname', 170, 161],
  ['setdomainname', 171, 162],
  ['vhangup', 153, 58],
  ['iopl', 172, null],
  ['ioperm', 173, null],
  ['modify_ldt', 154, null],
  ['uselib', 134, null],
  ['sysfs', 139, null],
  ['personality', 135, 92],
  ['fanotify_init', 300, 262],
  ['lookup_dcookie', 212, 18],
  ['mbind', 237, 235],
  ['set_mempolicy', 238, 237],
  ['migrate_pages', 256, 238],
  ['move_pages', 279, 239],
  // No sockets of any family; socketpair stays, event loops wake themselves with it.
  ['socket', 41, 198],
  ['bind', 49, 200],
  ['connect', 42, 203],
  ['listen', 50, 201],
  ['accept', 43, 202],
  ['accept4', 288, 242],
  // Memory that the address-space limit does not count.
  ['memfd_create', 319, 279],
  ['shmget', 29, 194],
  ['shmat', 30, 196],
  ['semget', 64, 190],
  ['msgget', 68, 186],
  ['mq_open', 240, 180],
  // From here on all architectures share the numbers.
  ['pidfd_send_signal', 424, 424],
  ['io_uring_setup', 425, 425],
  ['io_uring_enter', 426, 426],
  ['io_uring_register', 427, 427],
  ['open_tree', 428, 428],
  ['move_mount', 429, 429],
  ['fsopen', 430, 430],
  ['fsconfig', 431, 431],
  ['fsmount', 432, 432],
  ['fspick', 433, 433],
  ['pidfd_open', 434, 434],
  ['pidfd_getfd', 438, 438],
  ['process_madvise', 440, 440],
  ['mount_setattr', 442, 442],
  ['quotactl_fd', 443, 443],
  ['memfd_secret', 447, 447],
  ['process_mrelease', 448, 448],
];

const CLONE: Record<Architecture, number> = { x64: 56, arm64: 220 };
const PRCTL: Record<Architecture, number> = { x64: 157, arm64: 167 };
const PR_SET_PDEATHSIG = 1;
const CLONE3 = 435;
const CLONE_THREAD = 0x0001_0000;
/** Calls newer than the ones above were not looked at: they do not exist in the jail. */
const FIRST_UNKNOWN = 454;

const EPERM = 1;
const ENOSYS = 38;
const RETURN_ALLOW = 0x7fff_0000;
const RETURN_KILL_PROCESS = 0x8000_0000;
const RETURN_ERRNO = 0x0005_0000;

const LOAD_WORD = 0x20;
const JUMP_EQUAL = 0x15;
const JUMP_GREATER_OR_EQUAL = 0x35;
const JUMP_ANY_BIT = 0x45;
const RETURN = 0x06;
/** Offsets in struct seccomp_data; the low half of the first argument holds clone's flags. */
const NUMBER_OFFSET = 0;
const ARCH_OFFSET = 4;
const FIRST_ARGUMENT_OFFSET = 16;

type Instruction = readonly [code: number, jumpTrue: number, jumpFalse: number, value: number];

const load = (offset: number): Instruction => [LOAD_WORD, 0, 0, offset];
const answer = (value: number): Instruction => [RETURN, 0, 0, value];
/** Answer `value` when the loaded word matches, else go on behind it. */
const when = (code: number, operand: number, value: number): readonly Instruction[] => [
  [code, 0, 1, operand],
  answer(value),
];

export function isFilteredArchitecture(architecture: string): architecture is Architecture {
  return architecture === 'x64' || architecture === 'arm64';
}

/** @returns the program as bytes: an array of struct sock_filter, little endian. */
export function createSeccompFilter(architecture: Architecture): Buffer {
  const column = architecture === 'x64' ? 1 : 2;
  const program: Instruction[] = [
    load(ARCH_OFFSET),
    [JUMP_EQUAL, 1, 0, AUDIT_ARCH[architecture]],
    answer(RETURN_KILL_PROCESS),
    load(NUMBER_OFFSET),
    // Also turns away the x32 calls of x64, whose numbers start at 2^30.
    ...when(JUMP_GREATER_OR_EQUAL, FIRST_UNKNOWN, RETURN_ERRNO | ENOSYS),
    // clone3 passes its flags in memory, where a filter cannot look; libc falls back to clone.
    ...when(JUMP_EQUAL, CLONE3, RETURN_ERRNO | ENOSYS),
  ];
  for (const call of REFUSED) {
    const number = call[column];
    if (number !== null) program.push(...when(JUMP_EQUAL, number, RETURN_ERRNO | EPERM));
  }
  program.push(
    // The jail dies with the server; the code may not take that back.
    [JUMP_EQUAL, 0, 4, PRCTL[architecture]],
    load(FIRST_ARGUMENT_OFFSET),
    ...when(JUMP_EQUAL, PR_SET_PDEATHSIG, RETURN_ERRNO | EPERM),
    answer(RETURN_ALLOW),
    [JUMP_EQUAL, 0, 3, CLONE[architecture]],
    load(FIRST_ARGUMENT_OFFSET),
    [JUMP_ANY_BIT, 1, 0, CLONE_THREAD],
    answer(RETURN_ERRNO | EPERM),
    answer(RETURN_ALLOW),
  );
  const bytes = Buffer.alloc(program.length * 8);
  program.forEach(([code, jumpTrue, jumpFalse, value], index) => {
    bytes.writeUInt16LE(code, index * 8);
    bytes.writeUInt8(jumpTrue, index * 8 + 2);
    bytes.writeUInt8(jumpFalse, index * 8 + 3);
    bytes.writeUInt32LE(value >>> 0, index * 8 + 4);
  });
  return bytes;
}
