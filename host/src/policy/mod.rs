//! Decides. A plugin asks, the user grants, and an action that is covered by both gets a permit; any other gets a denial with its cure.
//!
//! Never: looks at a clock, a disk, the environment or the network; acts. A mechanism elsewhere takes the permit in its signature, and
//! only `decide` can make one, so a forgotten check does not compile.
//! Callers: imports, before every effect; run, for the few programs that the host itself starts.
//! Read in order: ask, grant, rights, limits, confinement, action, permit, denial, decide, then the rules: process, variable.

mod action;
mod ask;
mod confinement;
mod decide;
mod denial;
mod grant;
mod limits;
mod permit;
mod process;
mod rights;
mod variable;

pub use action::{HostTool, OpenFolder, StartProcess};
pub use ask::{Access, Asks, Folder, FolderAsk, ProgramAsk, ProgramName, Purpose};
pub use confinement::{ChildLimits, Confinement, Least, Level, Places, Profile, View};
pub use decide::{CommandRequest, ProgramRequest, compiler, host_tool, open_folder, start_command, start_program};
pub use denial::Denial;
pub use grant::Grants;
pub use limits::{Limits, Rate};
pub use permit::Permit;
pub use rights::Rights;
