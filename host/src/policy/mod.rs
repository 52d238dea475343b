//! Decides. A plugin asks, the user grants, and an action that is covered by both gets a permit; any other gets a denial with its cure.
//!
//! Never: looks at a clock, a disk, the environment or the network; acts. A mechanism elsewhere takes the permit in its signature, and
//! only `decide` can make one, so a forgotten check does not compile.
//! Callers: imports, before every effect; run, for the few programs that the host itself starts; whoever reads asks or grants.
//! Read in order: the nouns, each with the one reader of its text: purpose, program, folder (with protected), host, http, secret (with
//! credential), device, resource (with `resource_form`), endpoint, `http_ask`; then ask, grant (with `http_grant`), narrowing, rights, limits, confinement, action,
//! reach, permit, denial, decide; then the rules: process, variable.

mod action;
mod ask;
mod confinement;
mod credential;
mod decide;
mod denial;
mod device;
mod endpoint;
mod folder;
mod grant;
mod host;
mod http;
mod http_ask;
mod http_grant;
mod limits;
mod narrowing;
mod permit;
mod process;
mod program;
mod protected;
mod purpose;
mod reach;
mod resource;
mod resource_form;
mod rights;
mod secret;
mod variable;

pub use action::{GiveSecret, HostTool, OpenFolder, StartProcess};
pub use ask::Asks;
pub use confinement::{ChildLimits, ChildNetwork, Confinement, Known, Least, Level, Network, Places, Profile, View};
pub use credential::{Credential, CredentialScheme, HeaderName, SecretUse, Word};
pub use decide::{
    CommandRequest, ProgramRequest, Refused, compiler, connect, connection_of, fetch_asset, give_secrets, host_tool, open_folder,
    open_machine_folders, send_request, sockets, start_command, start_program, usable_secrets, use_path,
};
pub use denial::{Denial, shell_word};
pub use device::{Device, DeviceAsk};
pub use endpoint::{AddressRange, Endpoint, EndpointName, Endpoints, Place};
pub use folder::{Access, Folder, FolderAsk, FolderName, MachineFolder};
pub use grant::{Grants, Tool};
pub use host::{Host, HostPattern};
pub use http::{HttpTarget, Method, PathPrefix, Port, Scheme};
pub use http_ask::HttpAsk;
pub use http_grant::HttpGrant;
pub use limits::{Limits, Rate};
pub use narrowing::Narrowing;
pub use permit::Permit;
pub use program::{ProgramAsk, ProgramName};
pub use protected::Protected;
pub use purpose::Purpose;
pub use reach::{Connect, NetworkTarget, SendRequest, WantedRequest, split_port};
pub use resource::{Amount, Resource, ResourceAsk, Resources};
pub use rights::{Origin, Rights};
pub use secret::{SecretAsk, SecretName};
pub use variable::grantable as check_variable;
