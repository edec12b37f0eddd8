//! A judge of pages: whatever a browser would have to guess about is wrong.

use std::collections::{BTreeMap, BTreeSet};

/// Elements that have no end.
const VOID: [&str; 6] = ["meta", "link", "input", "br", "img", "hr"];
/// Attributes that name other elements of the page.
const NAMING: [&str; 4] = ["for", "aria-labelledby", "aria-describedby", "aria-controls"];

/// An element's name and attributes.
struct Tag<'a> {
    name: &'a str,
    attributes: BTreeMap<&'a str, &'a str>,
}

/// Everything that is wrong with a page or a part of one.
pub(super) fn faults(page: &str, is_whole: bool) -> Vec<String> {
    let (mut faults, mut open, mut ids, mut named) = (Vec::new(), Vec::new(), BTreeSet::new(), Vec::new());
    let (mut headings, mut mains) = (0, 0);
    let mut rest = page;
    while let Some(start) = rest.find('<') {
        if let Some(text) = rest[..start].find('>') {
            faults.push(format!("a bracket in text: {}", &rest[text..start]));
        }
        let Some(end) = rest[start..].find('>') else { break };
        let inner = &rest[start + 1..start + end];
        rest = &rest[start + end + 1..];
        if inner.starts_with('!') {
            continue;
        }
        if let Some(name) = inner.strip_prefix('/') {
            match open.pop() {
                Some(last) if last == name => {}
                last => faults.push(format!("</{name}> ends {last:?}")),
            }
            continue;
        }
        let tag = read(inner, &mut faults);
        judge(&tag, &mut faults);
        headings += usize::from(tag.name == "h1");
        mains += usize::from(tag.name == "main");
        if let Some(id) = tag.attributes.get("id")
            && !ids.insert((*id).to_owned())
        {
            faults.push(format!("the id {id} is there twice"));
        }
        for name in NAMING {
            named.extend(tag.attributes.get(name).into_iter().flat_map(|ids| ids.split(' ')));
        }
        if !VOID.contains(&tag.name) {
            open.push(tag.name);
        }
    }
    faults.extend(open.iter().map(|name| format!("<{name}> has no end")));
    let lost = named.iter().filter(|id| !ids.contains(**id) && **id != "refusal");
    faults.extend(lost.map(|id| format!("there is no {id}")));
    if headings != 1 || (is_whole && mains != 1) {
        faults.push(format!("{headings} main headings, {mains} main parts"));
    }
    faults
}

fn read<'a>(inner: &'a str, faults: &mut Vec<String>) -> Tag<'a> {
    let (name, mut rest) = inner.split_once(' ').unwrap_or((inner, ""));
    let mut attributes = BTreeMap::new();
    while !rest.is_empty() {
        let (name, after) = match rest.find(['=', ' ']) {
            Some(at) if rest.as_bytes()[at] == b'=' => (&rest[..at], &rest[at + 1..]),
            Some(at) => {
                attributes.insert(&rest[..at], "");
                rest = &rest[at + 1..];
                continue;
            }
            None => {
                attributes.insert(rest, "");
                break;
            }
        };
        let value = after.strip_prefix('"').and_then(|after| after.split_once('"'));
        let Some((value, after)) = value else {
            faults.push(format!("<{inner}>: {name} has no value in quotes"));
            break;
        };
        if attributes.insert(name, value).is_some() {
            faults.push(format!("<{inner}>: {name} is there twice"));
        }
        rest = after.trim_start();
    }
    Tag { name, attributes }
}

fn judge(tag: &Tag<'_>, faults: &mut Vec<String>) {
    let has = |name: &str| tag.attributes.contains_key(name);
    let mut wrong = |what: &str| faults.push(format!("<{}>: {what}", tag.name));
    if tag.attributes.keys().any(|name| name.starts_with("on") || *name == "style") {
        wrong("a handler or a style within the page");
    }
    let leads = ["href", "src", "action", "data-path"]
        .map(|name| tag.attributes.get(name).copied().unwrap_or_default());
    if leads
        .iter()
        .any(|to| to.trim_start().to_ascii_lowercase().starts_with("javascript:") || to.starts_with("//"))
    {
        wrong("it leads where it must not");
    }
    if tag.name == "th" && !has("scope") {
        wrong("a heading of a table without scope");
    }
    if tag.name == "svg" && !(has("aria-hidden") || has("role")) {
        wrong("a drawing that is neither told nor hidden");
    }
    let is_field = matches!(tag.name, "input" | "select" | "textarea");
    if is_field && tag.attributes.get("type") != Some(&"hidden") && !has("id") {
        wrong("a field that no label can name");
    }
    if tag.name == "button" && !has("type") {
        wrong("a button without a type");
    }
}

#[test]
fn the_judge_sees_what_is_wrong() {
    assert_eq!(faults("<main id=\"a\"><h1>x</h1><input type=\"hidden\"></main>", true), [""; 0]);
    for wrong in [
        "<h1>x</h1><p>",
        "<h1>x</h1></p>",
        "<h1>x</h1><b><i></b></i>",
        "<h1 id=\"a\">x</h1><p id=\"a\"></p>",
        "<h1>x</h1><label for=\"no\"></label>",
        "<h1>x</h1><p onclick=\"x\"></p>",
        "<h1>x</h1><p style=\"x\"></p>",
        "<h1>x</h1><a href=\" JavaScript:x\"></a>",
        "<h1>x</h1><th></th>",
        "<h1>x</h1><svg></svg>",
        "<h1>x</h1><input name=\"x\">",
        "<h1>x</h1><p class=x></p>",
        "<p></p>",
    ] {
        assert!(!faults(wrong, false).is_empty(), "{wrong}");
    }
}
