//! Another issuer of tokens, as an operator names it: `https://x.auth0.com/,audience=tickets`.

use std::path::PathBuf;
use std::str::FromStr;

/// The longest name of an issuer, in characters; the table of identities has the same bound.
const NAME_CHARS_MAX: usize = 500;

/// An issuer whose tokens are accepted beside our own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutsideIssuer {
    /// `iss` of its tokens, to the letter.
    pub name: String,
    /// `aud` of tokens that are made for us.
    pub audience: String,
    pub keys: KeySource,
    /// Whether an address in its tokens is proven, though they do not say `email_verified`.
    pub emails_verified: bool,
}

/// Place of an issuer's public keys, a JSON Web Key Set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeySource {
    Url(String),
    File(PathBuf),
}

impl FromStr for OutsideIssuer {
    type Err = String;

    fn from_str(text: &str) -> Result<OutsideIssuer, String> {
        let mut parts = text.split(',');
        let name = parts.next().unwrap_or_default();
        if name.is_empty() || name.chars().count() > NAME_CHARS_MAX {
            return Err("an issuer has a name, of at most 500 characters".to_owned());
        }
        let (mut audience, mut keys, mut emails_verified) = (None, None, false);
        for part in parts {
            match part.split_once('=') {
                Some(("audience", value)) if !value.is_empty() => audience = Some(value.to_owned()),
                Some(("keys", value)) if !value.is_empty() => keys = Some(value.to_owned()),
                Some(("emails", "verified")) => emails_verified = true,
                _ => {
                    let known = "`audience=…`, `keys=…`, `emails=verified`";
                    return Err(format!("{part:?} is none of {known}"));
                }
            }
        }
        let well_known = || format!("{}/.well-known/jwks.json", name.trim_end_matches('/'));
        Ok(OutsideIssuer {
            name: name.to_owned(),
            audience: audience.ok_or("`audience=…` is missing")?,
            keys: source(keys.unwrap_or_else(well_known))?,
            emails_verified,
        })
    }
}

/// Keys that came in the clear may be anybody's, so `http://` is for this machine only.
fn source(place: String) -> Result<KeySource, String> {
    if let Some(rest) = place.strip_prefix("http://") {
        let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
        let host = match authority.strip_prefix('[') {
            Some(address) => address.split(']').next().unwrap_or_default(),
            None => authority.split(':').next().unwrap_or_default(),
        };
        if !["localhost", "127.0.0.1", "::1"].contains(&host) || authority.contains('@') {
            return Err(format!("{place} has to begin with https://"));
        }
        return Ok(KeySource::Url(place));
    }
    match place.starts_with("https://") {
        true => Ok(KeySource::Url(place)),
        false if place.contains("://") => Err(format!("{place} is neither a URL nor a file")),
        false => Ok(KeySource::File(PathBuf::from(place))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn issuers_are_read_with_the_usual_place_of_their_keys() {
        let read = |text: &str| text.parse::<OutsideIssuer>();
        let auth0 = read("https://x.auth0.com/,audience=tickets").ok();
        let keys = KeySource::Url("https://x.auth0.com/.well-known/jwks.json".to_owned());
        let expected = OutsideIssuer {
            name: "https://x.auth0.com/".to_owned(),
            audience: "tickets".to_owned(),
            keys,
            emails_verified: false,
        };
        assert_eq!(auth0, Some(expected));
        let file = read("keycloak,audience=a,keys=/etc/keys.json,emails=verified").ok();
        assert!(
            file.is_some_and(|file| file.emails_verified
                && file.keys == KeySource::File("/etc/keys.json".into()))
        );
        for here in [
            "http://localhost:9/k",
            "http://[::1]:9/k",
            "http://127.0.0.1",
        ] {
            assert!(read(&format!("a,audience=b,keys={here}")).is_ok(), "{here}");
        }
        for wrong in [
            "",
            "https://x.auth0.com/",
            "https://x.auth0.com/,audience=",
            "https://x.auth0.com/,audience=a,colour=red",
            "http://example.org,audience=a",
            "a,audience=b,keys=http://localhost@example.org/",
            "a,audience=b,keys=http://localhost.example.org/",
            "a,audience=b,keys=ftp://example.org/",
        ] {
            let refused = read(wrong).is_err();
            assert!(refused, "{wrong}");
        }
    }
}
