//! People and programs of a real OpenID provider: log-in, log-out, renewal, its tokens, its keys, its absence.

mod attacks;
mod browser;
mod outage;
mod people;
mod programs;
pub(super) mod provider;

use std::net::SocketAddr;

use super::{mirror, seen};
use crate::harness::{Folder, Gateway, Upstream, free_address};
use browser::Browser;
use provider::Provider;

/// Where the log-in under test has its own pages.
const LOGIN: &str = "/.seaworthy/login/staff";
/// Access tokens that outlive a test.
const LONG: u32 = 3_600;

/// A provider, a gateway that sends people there, and a service that tells what it was sent.
struct House {
    provider: Provider,
    gateway: Gateway,
    _upstream: Upstream,
}

impl House {
    /// `access`: how long access tokens live, in seconds.
    async fn new(access: u32) -> Self {
        Self::with(access, "").await
    }

    /// The same with more in its configuration.
    async fn with(access: u32, more: &str) -> Self {
        let (address, control) = (free_address(), free_address());
        let provider = Provider::start(address, access).await;
        let upstream = mirror().await;
        let gateway = gateway(&provider, &upstream, (address, control), more).await;
        Self { provider, gateway, _upstream: upstream }
    }

    /// A URL of the gateway.
    fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.gateway.address)
    }
}

/// A gateway that asks this provider, whether it runs or not.
async fn gateway(
    provider: &Provider,
    upstream: &Upstream,
    (address, control): (SocketAddr, SocketAddr),
    more: &str,
) -> Gateway {
    let folder = Folder::new();
    folder.write("client.secret", provider::GATEWAY_SECRET);
    folder.write("robot.secret", provider::ROBOT_SECRET);
    let issuer = provider.issuer();
    let rest = format!(
        "{}\n[login.staff]\nissuer = \"{issuer}\"\nclient_id = \"seaworthy\"\nclient_secret = \"client.secret\"\n\
         url = \"http://{address}\"\nscopes = [\"offline_access\", \"read\"]\nroles_claim = \"roles\"\n\
         tenant_claim = \"tenant\"\nafter_logout = \"http://{address}/bye\"\n\
         [issuer.shop]\nissuer = \"{issuer}\"\naudiences = [\"shop\"]\n\
         [issuer.vault]\nissuer = \"{issuer}\"\naudiences = [\"vault\"]\n\
         introspection = {{ endpoint = \"{issuer}/token/introspection\", client_id = \"robot\", \
         client_secret = \"robot.secret\", keep = \"1s\" }}\n{ROUTES}{more}",
        upstream.service("")
    );
    Gateway::written(folder, &Gateway::text(address, control, "", "", &rest), address, control).await
}

const ROUTES: &str = "[[route]]\npath = \"/bye\"\nservice = \"shop\"\nauth = \"none\"\n\
    [[route]]\npath = \"/api\"\nservice = \"shop\"\nauth = { any_of = [\"jwt\"], issuers = [\"shop\"], scopes = [\"read\"] }\n\
    [[route]]\npath = \"/vault\"\nservice = \"shop\"\nauth = { any_of = [\"jwt\"], issuers = [\"vault\"] }\n\
    [[route]]\npath = \"/editors\"\nservice = \"shop\"\nauth = { any_of = [\"session\"], roles = [\"editor\"] }\n\
    [[route]]\npath = \"/{*rest}\"\nservice = \"shop\"\nauth = \"session\"\n";
