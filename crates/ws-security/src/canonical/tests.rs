use super::canonicalize;
use crate::parse::parse;

/// The canonical form of the element `e` of a document.
fn canonical(document: &str) -> String {
    let document = parse(document.as_bytes()).unwrap();
    let at = document.elements.iter().position(|data| data.local == "e").unwrap();
    let mut bytes = Vec::new();
    canonicalize(document.element(at), &mut bytes).unwrap();
    String::from_utf8(bytes).unwrap()
}

#[test]
fn only_what_is_used_is_declared_and_where_it_is_used() {
    for (document, want) in [
        ("<e/>", "<e></e>"),
        ("<r xmlns='u' xmlns:p='v'><e/></r>", "<e xmlns=\"u\"></e>"),
        (
            "<r xmlns:p='v'><e><p:a/><p:b/></e></r>",
            "<e><p:a xmlns:p=\"v\"></p:a><p:b xmlns:p=\"v\"></p:b></e>",
        ),
        ("<p:e xmlns:p='v'><p:a xmlns:p='v'/></p:e>", "<p:e xmlns:p=\"v\"><p:a></p:a></p:e>"),
        (
            "<p:e xmlns:p='v'><a xmlns:p='w'><p:b/></a></p:e>",
            "<p:e xmlns:p=\"v\"><a><p:b xmlns:p=\"w\"></p:b></a></p:e>",
        ),
        ("<e xmlns='u'><a xmlns=''><b/></a></e>", "<e xmlns=\"u\"><a xmlns=\"\"><b></b></a></e>"),
        ("<r xmlns='u'><e xmlns=''/></r>", "<e></e>"),
        ("<r xmlns:p='v'><e p:k='1'/></r>", "<e xmlns:p=\"v\" p:k=\"1\"></e>"),
        ("<e xml:lang='en'/>", "<e xml:lang=\"en\"></e>"),
        ("<r xml:lang='en'><e/></r>", "<e></e>"),
    ] {
        assert_eq!(canonical(document), want, "{document}");
    }
}

#[test]
fn declarations_and_attributes_are_sorted() {
    let document = "<r xmlns:b='u1' xmlns:a='u2' xmlns='d'><e z='1' a:k='2' b:k='3' b='4'/></r>";
    let want =
        "<e xmlns=\"d\" xmlns:a=\"u2\" xmlns:b=\"u1\" b=\"4\" z=\"1\" b:k=\"3\" a:k=\"2\"></e>";
    assert_eq!(canonical(document), want);
}

#[test]
fn text_and_values_are_escaped_in_one_way() {
    for (document, want) in [
        (
            "<e>&lt;&gt;&amp;&quot;&apos;\"'>&#13;&#x9;\t\n</e>",
            "<e>&lt;&gt;&amp;\"'\"'&gt;&#xD;\t\t\n</e>",
        ),
        ("<e>a\r\nb\rc</e>", "<e>a\nb\nc</e>"),
        (
            "<e k='&lt;&gt;&amp;&quot;&apos;\"&#13;&#10;&#9;'/>",
            "<e k=\"&lt;>&amp;&quot;'&quot;&#xD;&#xA;&#x9;\"></e>",
        ),
        ("<e k='a\tb\nc\r\nd'/>", "<e k=\"a b c d\"></e>"),
        ("<e  k = 'v'  ></e  >", "<e k=\"v\"></e>"),
        ("<e>é&#233;&#x1F600;</e>", "<e>éé😀</e>"),
    ] {
        assert_eq!(canonical(document), want, "{document}");
    }
}

#[test]
fn a_canonical_form_is_its_own() {
    let document =
        "<r xmlns='d' xmlns:a='u'><e><a:b k='&#10;'>x &amp; y</a:b><c xmlns=''/></e></r>";
    let once = canonical(document);
    assert_eq!(canonical(&once), once);
}
