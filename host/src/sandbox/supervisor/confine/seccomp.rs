//! What can be asked of the kernel at all.

use std::{collections::BTreeMap, io};

use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen as Length, SeccompCmpOp as Is, SeccompCondition as Argument, SeccompFilter, SeccompRule,
    TargetArch, apply_filter, sock_filter,
};

use crate::policy::Level;

/// Calls that do not exist inside: libraries ask for them first, and have another way where they are missing.
///
/// `clone3` has its flags behind a pointer, where no filter can read them. What goes through `io_uring` passes no filter at all.
const MISSING: &[i64] = &[libc::SYS_clone3, libc::SYS_io_uring_setup, libc::SYS_io_uring_enter, libc::SYS_io_uring_register];

/// Calls that are refused: other processes' memory, the keys of the user, mounts and namespaces, the machine as a whole, and what the
/// worst holes of the kernel were in.
const REFUSED: &[i64] = &[
    libc::SYS_ptrace,
    libc::SYS_process_vm_readv,
    libc::SYS_process_vm_writev,
    libc::SYS_process_madvise,
    libc::SYS_pidfd_getfd,
    libc::SYS_kcmp,
    libc::SYS_bpf,
    libc::SYS_perf_event_open,
    libc::SYS_userfaultfd,
    libc::SYS_fanotify_init,
    libc::SYS_add_key,
    libc::SYS_request_key,
    libc::SYS_keyctl,
    libc::SYS_mount,
    libc::SYS_umount2,
    libc::SYS_pivot_root,
    libc::SYS_chroot,
    libc::SYS_open_tree,
    libc::SYS_move_mount,
    libc::SYS_fsopen,
    libc::SYS_fsconfig,
    libc::SYS_fsmount,
    libc::SYS_fspick,
    libc::SYS_mount_setattr,
    libc::SYS_setns,
    libc::SYS_name_to_handle_at,
    libc::SYS_open_by_handle_at,
    libc::SYS_kexec_load,
    libc::SYS_kexec_file_load,
    libc::SYS_init_module,
    libc::SYS_finit_module,
    libc::SYS_delete_module,
    libc::SYS_swapon,
    libc::SYS_swapoff,
    libc::SYS_acct,
    libc::SYS_quotactl,
    libc::SYS_quotactl_fd,
    libc::SYS_syslog,
    libc::SYS_reboot,
    libc::SYS_vhangup,
    libc::SYS_sethostname,
    libc::SYS_setdomainname,
    libc::SYS_settimeofday,
    libc::SYS_clock_settime,
];

/// Refused as well, on the one architecture that has them.
#[cfg(target_arch = "x86_64")]
const REFUSED_HERE: &[i64] =
    &[libc::SYS_iopl, libc::SYS_ioperm, libc::SYS_modify_ldt, libc::SYS_uselib, libc::SYS_kexec_file_load, libc::SYS_lookup_dcookie];
#[cfg(not(target_arch = "x86_64"))]
const REFUSED_HERE: &[i64] = &[];

/// Shared memory and queues that everybody on the machine has in common, where no namespace keeps them apart.
const SHARED: &[i64] = &[libc::SYS_shmget, libc::SYS_shmat, libc::SYS_msgget, libc::SYS_semget, libc::SYS_mq_open];

/// Namespaces of every kind. In a new one of users a process has all the rights of root, and the kernel was often wrong about what that
/// may reach.
const NAMESPACES: [libc::c_int; 8] = [
    libc::CLONE_NEWUSER,
    libc::CLONE_NEWNS,
    libc::CLONE_NEWPID,
    libc::CLONE_NEWNET,
    libc::CLONE_NEWIPC,
    libc::CLONE_NEWUTS,
    libc::CLONE_NEWCGROUP,
    CLONE_NEWTIME,
];

/// The namespace of clocks. For `clone` the same bit is part of the signal number, which ends below it.
const CLONE_NEWTIME: libc::c_int = 0x80;

/// Put characters into the input of a terminal, as if they had been typed.
const TIOCSTI: u64 = 0x5412;

/// The same for the consoles of a machine, with a selection.
const TIOCLINUX: u64 = 0x541C;

/// The first call of the x32 kind.
const FIRST_X32: u32 = 0x4000_0000;

/// The filters, in the order in which they are installed.
pub(super) struct Filters([BpfProgram; 2]);

impl Filters {
    /// For a command of this level.
    pub(super) fn new(level: Level) -> io::Result<Self> {
        let mut refused: BTreeMap<i64, Vec<SeccompRule>> = REFUSED.iter().chain(REFUSED_HERE).map(|call| (*call, vec![])).collect();
        for call in [libc::SYS_unshare, libc::SYS_clone] {
            let has = |flag: libc::c_int| number(0, Is::MaskedEq(bits(flag)), bits(flag)).and_then(|flag| rule(vec![flag]));
            refused.insert(call, NAMESPACES.into_iter().map(has).collect::<io::Result<_>>()?);
        }
        let typing = [TIOCSTI, TIOCLINUX].into_iter().map(|request| rule(vec![number(1, Is::Eq, request)?]));
        refused.insert(libc::SYS_ioctl, typing.collect::<io::Result<_>>()?);
        if level == Level::KernelFilter {
            // A socket reaches what lies outside: nothing else keeps it from there.
            refused.extend(SHARED.iter().chain(&[libc::SYS_socket]).map(|call| (*call, vec![])));
        } else {
            let allowed = [libc::AF_UNIX, libc::AF_INET, libc::AF_INET6];
            let other = allowed.into_iter().map(|family| number(0, Is::Ne, bits(family))).collect::<io::Result<_>>()?;
            refused.insert(libc::SYS_socket, vec![rule(other)?]);
        }
        let missing = MISSING.iter().map(|call| (*call, vec![])).collect();
        let mut refused = program(refused, libc::EPERM)?;
        refused.splice(0..0, guard());
        Ok(Self([refused, program(missing, libc::ENOSYS)?]))
    }

    /// Install them in this process, for good.
    pub(super) fn install(&self) -> io::Result<()> {
        self.0.iter().try_for_each(|program| apply_filter(program).map_err(io::Error::other))
    }
}

fn program(rules: BTreeMap<i64, Vec<SeccompRule>>, errno: libc::c_int) -> io::Result<BpfProgram> {
    let here = TargetArch::try_from(std::env::consts::ARCH).map_err(io::Error::other)?;
    let action = SeccompAction::Errno(errno.cast_unsigned());
    let filter = SeccompFilter::new(rules, SeccompAction::Allow, action, here).map_err(io::Error::other)?;
    filter.try_into().map_err(io::Error::other)
}

fn rule(arguments: Vec<Argument>) -> io::Result<SeccompRule> {
    SeccompRule::new(arguments).map_err(io::Error::other)
}

/// A condition on the lower half of an argument: the kernel looks at no more of these.
fn number(index: u8, is: Is, value: u64) -> io::Result<Argument> {
    Argument::new(index, Length::Dword, is, value).map_err(io::Error::other)
}

fn bits(flag: libc::c_int) -> u64 {
    flag.cast_unsigned().into()
}

/// Ends a process that makes a call of the x32 kind. Those have other numbers for the same calls, and the check of the architecture, which
/// is part of the filters, lets them through.
fn guard() -> Vec<sock_filter> {
    if !cfg!(target_arch = "x86_64") {
        return vec![];
    }
    let statement = |code: u32, jt, jf, k| sock_filter { code: u16::try_from(code).unwrap_or_default(), jt, jf, k };
    vec![
        // The number of the call is the first field.
        statement(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, 0, 0, 0),
        statement(libc::BPF_JMP | libc::BPF_JGE | libc::BPF_K, 0, 1, FIRST_X32),
        statement(libc::BPF_RET | libc::BPF_K, 0, 0, libc::SECCOMP_RET_KILL_PROCESS),
    ]
}
