//! E-mail addresses, compared by their normal form.

/// As in RFC 5321, in bytes.
const NAME_BYTES_MAX: usize = 64;
const DOMAIN_BYTES_MAX: usize = 253;

/// The address in one form, in lower case, the domain as DNS has it; `None` for what is none, and for forms that hide
/// another address or need what many servers lack: quoted names, display names, letters beyond ASCII before the `@`,
/// numbers in the place of a domain.
pub fn normal_form(typed: &str) -> Option<String> {
    let (name, domain) = typed.split_once('@')?;
    let is_sign = |sign: u8| sign.is_ascii_alphanumeric() || b"!#$%&'*+-/=?^_`{|}~".contains(&sign);
    let parts = || name.split('.');
    if name.len() > NAME_BYTES_MAX
        || !parts().all(|part| !part.is_empty() && part.bytes().all(is_sign))
    {
        return None;
    }
    let domain = idna::domain_to_ascii_strict(domain).ok()?;
    let (_, last) = domain.rsplit_once('.')?;
    let is_name = last.bytes().any(|sign| sign.is_ascii_alphabetic());
    (is_name && domain.len() <= DOMAIN_BYTES_MAX).then(|| format!("{name}@{domain}").to_lowercase())
}
