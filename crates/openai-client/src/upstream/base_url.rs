//! The parts of an upstream's base URL.
//!
//! Invariants: what could hold a secret is refused, and never shown.
//! Does not know: paths below it.

use http::uri::{Authority, Scheme};
use url::Url;

use super::UpstreamErrorKind;

/// Scheme, host and port, and the prefix of every path.
pub(super) fn read(text: &str) -> Result<(Scheme, Authority, String), UpstreamErrorKind> {
    let url = Url::parse(text.trim()).map_err(|_| UpstreamErrorKind::Url)?;
    let scheme = match url.scheme() {
        "http" => Scheme::HTTP,
        "https" => Scheme::HTTPS,
        _ => return Err(UpstreamErrorKind::Scheme),
    };
    if !url.username().is_empty() || url.password().is_some() {
        return Err(UpstreamErrorKind::Credentials);
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(UpstreamErrorKind::Query);
    }
    let authority = url
        .authority()
        .parse()
        .map_err(|_| UpstreamErrorKind::Url)?;
    Ok((
        scheme,
        authority,
        url.path().trim_end_matches('/').to_owned(),
    ))
}
