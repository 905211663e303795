use super::parse;
use crate::rule::Rule;

#[test]
fn a_tree_has_names_texts_and_attributes() {
    let document = parse(
        b"<?xml version='1.0' encoding='utf-8'?>\n<p:a xmlns:p='u' xmlns='d' k=' 1&#10;&amp;'>x\
          &lt;<b/>y</p:a>\n",
    )
    .unwrap();
    let root = document.root();
    assert_eq!((root.namespace(), root.name(), root.text().as_str()), ("u", "a", "x<y"));
    assert_eq!(root.attribute(("", "k")), Some(" 1\n&"));
    let children: Vec<_> = root.children().map(|child| (child.namespace(), child.name())).collect();
    assert_eq!(children, [("d", "b")]);
    assert!(root.has_text());
}

#[test]
fn the_scope_of_a_declaration_is_its_element() {
    let error = parse(b"<a><p:b xmlns:p='u'/><p:c/></a>").unwrap_err();
    assert_eq!(error, Rule::Prefixes);
    let document = parse(b"<a xmlns='u'><b xmlns='v'/><c/></a>").unwrap();
    let children: Vec<_> = document.root().children().map(|child| child.namespace()).collect();
    assert_eq!(children, ["v", "u"]);
}

#[test]
fn what_needs_a_byte_more_than_the_limit_is_refused() {
    let nested = |depth: usize| parse(("<a>".repeat(depth) + &"</a>".repeat(depth)).as_bytes());
    assert!(nested(32).is_ok());
    assert_eq!(nested(33).unwrap_err(), Rule::Depth);
    let many = |count: usize| parse(format!("<a>{}</a>", "<b/>".repeat(count)).as_bytes());
    assert!(many(16_383).is_ok());
    assert_eq!(many(16_384).unwrap_err(), Rule::Elements);
    let long = |bytes: usize| parse(format!("<a>{}</a>", " ".repeat(bytes - 7)).as_bytes());
    assert!(long(1 << 20).is_ok());
    assert_eq!(long((1 << 20) + 1).unwrap_err(), Rule::Length);
}
