//! Version 1 of the signatures, which EC2's Query interface had until 2008.

/// What a version 1 client may have signed: the names and values of all parameters but the
/// signature, by name without regard to case, nothing between them. Clients that did not encode
/// the `+` of base64 signed it as it is, while it arrives as a blank.
pub(crate) fn strings_to_sign(parameters: &[(String, String)]) -> [String; 2] {
    let mut signed: Vec<_> = parameters.iter().filter(|(name, _)| name != "Signature").collect();
    signed.sort_by_key(|(name, _)| name.to_ascii_lowercase());
    let text: String = signed.iter().flat_map(|(name, value)| [name.as_str(), value]).collect();
    let with_plus = text.replace(' ', "+");
    [text, with_plus]
}
