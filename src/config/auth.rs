//! Production checks of the `auth` section, whose keys are defined by the router's edge.

use platform::config::Invalid;
use router::auth::AuthConfig;
use url::Host;

/// In production, tokens come from an identity provider or are left to the subgraphs; the development key is refused.
pub(super) fn check_production(auth: &AuthConfig) -> Result<(), Invalid> {
    if auth.development_secret.is_some() {
        return Err(Invalid::new(
            "auth.development_secret",
            "is refused in production: remove it, and set auth.jwks.url or auth.public_keys",
        ));
    }
    let Some(jwks) = &auth.jwks else {
        return if auth.public_keys.is_empty() && !auth.pass_through {
            Err(Invalid::new(
                "mode",
                "production needs an identity provider: set auth.jwks.url or auth.public_keys",
            ))
        } else {
            Ok(())
        };
    };
    let url = jwks.url.expose_url();
    let is_safe = match url.host() {
        _ if url.scheme() == "https" => true,
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost",
        None => false,
    };
    if is_safe {
        Ok(())
    } else {
        Err(Invalid::new(
            "auth.jwks.url",
            "must be https in production, or an attacker could answer in its place and sign tokens",
        ))
    }
}
