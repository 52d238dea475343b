//! The addresses of a host.

use std::{io, net::SocketAddr};

use tokio::{net::lookup_host, time::timeout};

use super::{
    address,
    error::{EgressError, Wait},
    limits::LOOKUP,
};
use crate::policy::{AddressRange, EndpointName, Host};

/// Where `name` is, every address of it checked.
///
/// One that is forbidden fails the whole: a name that is public and private at once is somebody's attempt to have the private one used.
pub(super) async fn resolve(name: &EndpointName, private: &[AddressRange]) -> Result<Vec<SocketAddr>, EgressError> {
    let addresses = match &name.host {
        Host::V4(own) => vec![SocketAddr::from((*own, name.port.number()))],
        Host::V6(own) => vec![SocketAddr::from((*own, name.port.number()))],
        Host::Name(text) => look_up(name, text).await?,
    };
    for found in &addresses {
        let forbidden = |reason| EgressError::Forbidden { host: name.clone(), address: found.ip(), reason };
        address::check(found.ip(), private).map_err(forbidden)?;
    }
    Ok(addresses)
}

async fn look_up(name: &EndpointName, text: &str) -> Result<Vec<SocketAddr>, EgressError> {
    let found = match timeout(LOOKUP, lookup_host((text, name.port.number()))).await {
        Err(_) => return Err(EgressError::TooLong { host: name.clone(), what: Wait::Lookup, limit: LOOKUP }),
        Ok(Err(cause)) if does_not_exist(&cause) => return Err(EgressError::NotFound(name.clone())),
        Ok(Err(cause)) => return Err(EgressError::Lookup { host: name.clone(), cause }),
        Ok(Ok(found)) => found.collect::<Vec<_>>(),
    };
    if found.is_empty() { Err(EgressError::NotFound(name.clone())) } else { Ok(found) }
}

/// Whether the system says that there is no such name. The library has no kind for it, only the words of `gai_strerror`.
fn does_not_exist(error: &io::Error) -> bool {
    let text = error.to_string();
    ["Name or service not known", "No address associated with hostname", "nodename nor servname provided", "Name does not resolve"]
        .iter()
        .any(|words| text.contains(words))
}
