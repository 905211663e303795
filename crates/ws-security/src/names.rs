//! The names that the profile uses.

/// A name: its namespace and its local part.
pub(crate) type Name = (&'static str, &'static str);

pub(crate) const XML: &str = "http://www.w3.org/XML/1998/namespace";
pub(crate) const XMLNS: &str = "http://www.w3.org/2000/xmlns/";
pub(crate) const SOAP: &str = "http://schemas.xmlsoap.org/soap/envelope/";
pub(crate) const WSSE: &str =
    "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd";
pub(crate) const WSU: &str =
    "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd";
pub(crate) const DS: &str = "http://www.w3.org/2000/09/xmldsig#";

pub(crate) const ENVELOPE: Name = (SOAP, "Envelope");
pub(crate) const HEADER: Name = (SOAP, "Header");
pub(crate) const BODY: Name = (SOAP, "Body");
pub(crate) const MUST_UNDERSTAND: Name = (SOAP, "mustUnderstand");
pub(crate) const SECURITY: Name = (WSSE, "Security");
pub(crate) const TOKEN: Name = (WSSE, "BinarySecurityToken");
pub(crate) const TOKEN_REFERENCE: Name = (WSSE, "SecurityTokenReference");
pub(crate) const KEY_REFERENCE: Name = (WSSE, "Reference");
pub(crate) const TIMESTAMP: Name = (WSU, "Timestamp");
pub(crate) const CREATED: Name = (WSU, "Created");
pub(crate) const EXPIRES: Name = (WSU, "Expires");
pub(crate) const WSU_ID: Name = (WSU, "Id");
pub(crate) const SIGNATURE: Name = (DS, "Signature");
pub(crate) const SIGNED_INFO: Name = (DS, "SignedInfo");
pub(crate) const SIGNATURE_VALUE: Name = (DS, "SignatureValue");
pub(crate) const KEY_INFO: Name = (DS, "KeyInfo");
pub(crate) const CANONICALIZATION: Name = (DS, "CanonicalizationMethod");
pub(crate) const SIGNATURE_METHOD: Name = (DS, "SignatureMethod");
pub(crate) const REFERENCE: Name = (DS, "Reference");
pub(crate) const TRANSFORMS: Name = (DS, "Transforms");
pub(crate) const TRANSFORM: Name = (DS, "Transform");
pub(crate) const DIGEST_METHOD: Name = (DS, "DigestMethod");
pub(crate) const DIGEST_VALUE: Name = (DS, "DigestValue");
/// Attributes without a namespace.
pub(crate) const ID: Name = ("", "Id");
pub(crate) const URI: Name = ("", "URI");
pub(crate) const ALGORITHM: Name = ("", "Algorithm");
pub(crate) const VALUE_TYPE: Name = ("", "ValueType");
pub(crate) const ENCODING_TYPE: Name = ("", "EncodingType");

pub(crate) const EXCLUSIVE_C14N: &str = "http://www.w3.org/2001/10/xml-exc-c14n#";
pub(crate) const RSA_SHA1: &str = "http://www.w3.org/2000/09/xmldsig#rsa-sha1";
pub(crate) const RSA_SHA256: &str = "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256";
pub(crate) const SHA1: &str = "http://www.w3.org/2000/09/xmldsig#sha1";
pub(crate) const SHA256: &str = "http://www.w3.org/2001/04/xmlenc#sha256";
pub(crate) const X509V3: &str =
    "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-x509-token-profile-1.0#X509v3";
pub(crate) const BASE64: &str = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-soap-message-security-1.0#Base64Binary";
