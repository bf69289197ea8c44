//! Known secrets: every form, every surrounding, no trace.
//!
//! Invariants: the encoders here are written apart from those of the product (or are those of another crate).
//! Does not know: shapes.

use std::borrow::Cow;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use proptest::prelude::*;
use secrecy::SecretString;

use super::{KEPT_SECRETS_MAX, NotKept, Scrubber};
use crate::live::{LIVE_BYTES_MAX, LIVE_SECRETS_MAX};

const SECRET: &str = "tr0ub4dor & 3 / \"quoted\" größer";

fn keeping(secret: &str) -> Scrubber {
    let scrubber = Scrubber::new();
    scrubber
        .keep_out("label", &SecretString::from(secret))
        .unwrap();
    scrubber
}

#[track_caller]
fn check(secret: &str, text: &str, expected: &str) {
    let scrubber = keeping(secret);
    assert_eq!(scrubber.scrub(text), expected);
    assert_eq!(scrubber.scrub_line(text.as_bytes()), expected.as_bytes());
    let live = Scrubber::new();
    let held = live.keep_out_while(secret);
    assert_eq!(
        live.scrub(text),
        expected.replace(":label]", ":caller_key]")
    );
    drop(held);
    assert!(matches!(live.scrub(text), Cow::Borrowed(_)));
}

fn hex(text: &str) -> String {
    text.bytes().map(|byte| format!("{byte:02x}")).collect()
}

fn percent(text: &str, is_plain: impl Fn(char) -> bool) -> String {
    let mut encoded = String::new();
    for letter in text.chars() {
        if is_plain(letter) {
            encoded.push(letter);
        } else {
            let mut bytes = [0; 4];
            letter
                .encode_utf8(&mut bytes)
                .bytes()
                .for_each(|byte| encoded += &format!("%{byte:02X}"));
        }
    }
    encoded
}

/// Everything as `\uXXXX`.
fn escape_all(text: &str) -> String {
    text.encode_utf16()
        .map(|unit| format!("\\u{unit:04x}"))
        .collect()
}

/// Only what JSON asks for.
fn escape_json(text: &str) -> String {
    let mut escaped = String::new();
    for letter in text.chars() {
        match letter {
            '"' => escaped += "\\\"",
            '\\' => escaped += "\\\\",
            '\n' => escaped += "\\n",
            control if control < ' ' => escaped += &format!("\\u{:04x}", u32::from(control)),
            other => escaped.push(other),
        }
    }
    escaped
}

/// The characters of the base64 of before + secret + after that the secret alone determines.
fn base64_inside(
    engine: &impl Engine,
    before: &str,
    secret: &str,
    after: &str,
) -> (String, String) {
    let whole = engine.encode([before, secret, after].concat());
    let start = (before.len() * 8).div_ceil(6);
    let end = (before.len() + secret.len()) * 8 / 6;
    let inside = whole[start..end].to_owned();
    (whole, inside)
}

#[test]
fn every_form_is_found() {
    check(SECRET, &format!("a {SECRET} b"), "a [redacted:label] b");
    check(
        SECRET,
        &format!("a {} b", hex(SECRET)),
        "a [redacted:label] b",
    );
    check(
        SECRET,
        &format!("a {} b", hex(SECRET).to_uppercase()),
        "a [redacted:label] b",
    );
    check(
        SECRET,
        &format!("a {} b", SECRET.chars().rev().collect::<String>()),
        "a [redacted:label] b",
    );
    check(
        SECRET,
        &format!("a {} b", percent(SECRET, |_| false)),
        "a [redacted:label] b",
    );
    check(
        SECRET,
        &format!(
            "a {} b",
            percent(SECRET, |letter| letter.is_ascii_alphanumeric())
        ),
        "a [redacted:label] b",
    );
    check(
        SECRET,
        &format!("a {} b", escape_all(SECRET)),
        "a [redacted:label] b",
    );
    check(
        SECRET,
        &format!("a {} b", escape_json(SECRET)),
        "a [redacted:label] b",
    );
    check(
        SECRET,
        &format!("a {} b", escape_json(&escape_json(SECRET))),
        "a [redacted:label] b",
    );
    check(
        SECRET,
        &format!("a {} b", SECRET.escape_default()),
        "a [redacted:label] b",
    );
    check(
        SECRET,
        &format!("a {} b", SECRET.as_bytes().escape_ascii()),
        "a [redacted:label] b",
    );
    check(
        SECRET,
        &format!("a {:?} b", SECRET.as_bytes()),
        "a [[redacted:label]] b",
    );
    let (basic, inside) = base64_inside(&STANDARD, "user:", SECRET, "");
    check(SECRET, &basic, &basic.replace(&inside, "[redacted:label]"));
}

#[test]
fn forms_inside_escapes_are_found() {
    let secret = "?????>>>>>~~~~~";
    let inside = percent(&STANDARD.encode(secret), |letter| {
        letter.is_ascii_alphanumeric()
    });
    check(
        secret,
        &format!("?token={inside}&x"),
        "?token=[redacted:label]&x",
    );
}

#[test]
fn a_piece_is_found_from_sixteen_bytes() {
    let secret = "0123456789abcdefghijklmnopqrstuv";
    check(
        secret,
        "starts 0123456789abcdef...",
        "starts [redacted:label]...",
    );
    check(
        secret,
        "ends ...ghijklmnopqrstuv",
        "ends ...[redacted:label]",
    );
    check(
        secret,
        &format!("{}...", &hex(secret)[..40]),
        "[redacted:label]...",
    );
    let scrubber = keeping(secret);
    assert!(matches!(
        scrubber.scrub("only 0123456789abcde..."),
        Cow::Borrowed(_)
    ));
}

#[test]
fn bytes_that_are_no_text_stay_as_they_are() {
    let scrubber = keeping("passwort");
    let line = scrubber.scrub_line(b"\xff\x80passwort\x80\x80\x80\x80\xfe");
    assert_eq!(&*line, b"\xff\x80[redacted:label]\x80\xfe");
    assert!(matches!(
        scrubber.scrub_line(b"\xff\x80\xfe"),
        Cow::Borrowed(_)
    ));
}

#[test]
fn known_secrets_name_the_marker() {
    let key = ["sk", "-proj-", "a1b2c3d4e5f6g7h8i9"].concat();
    let scrubber = Scrubber::new();
    assert_eq!(scrubber.scrub(&format!("<{key}>")), "<[redacted:api_key]>");
    scrubber
        .keep_out("upstream key]\n", &SecretString::from(key.clone()))
        .unwrap();
    assert_eq!(
        scrubber.scrub(&format!("<{key}>")),
        "<[redacted:upstream key__]>"
    );
    assert_eq!(
        scrubber.scrub(&format!("Bearer {key}>")),
        "Bearer [redacted:upstream key__]>"
    );
}

#[test]
fn refusals_are_typed() {
    let scrubber = Scrubber::new();
    let keep = |secret: &str| scrubber.keep_out("label", &SecretString::from(secret));
    assert_eq!(keep("seven77"), Err(NotKept::TooShort));
    assert_eq!(keep("redacted"), Err(NotKept::StandsInMarker));
    assert_eq!(
        NotKept::TooShort.to_string(),
        "search for a secret of less than 8 characters"
    );
    for number in 0..KEPT_SECRETS_MAX {
        assert_eq!(keep(&format!("secret number {number:08}")), Ok(()));
    }
    assert_eq!(keep("secret number 00000007"), Ok(()), "kept already");
    assert_eq!(keep("one too many"), Err(NotKept::TooMany));
    assert!(matches!(scrubber.scrub("one too many"), Cow::Borrowed(_)));
    assert_eq!(scrubber.scrub("secret number 00000255"), "[redacted:label]");
}

#[test]
fn a_secret_that_markers_make_again_takes_the_whole_line() {
    // What is left beside the first marker reads as the secret: cut again.
    let scrubbed = keeping("]and more").scrub("]and moreand more").into_owned();
    assert_eq!(scrubbed, "[redacted:label[redacted:label]");
    // The marker holds the secret: nothing helps but to give up the line.
    assert_eq!(
        keeping("redacted:label").scrub("x redacted:label y"),
        "[redacted]"
    );
}

#[test]
fn a_live_secret_stays_until_its_last_request_ends() {
    let scrubber = Scrubber::new();
    let text = "key first-come-first";
    let one = scrubber.keep_out_while("first-come-first");
    let two = scrubber.keep_out_while(Arc::from("first-come-first"));
    let clone = scrubber.clone();
    let other = clone.keep_out_while("somebody-else");
    assert_eq!(scrubber.scrub(text), "key [redacted:caller_key]");
    drop(one);
    assert_eq!(scrubber.scrub(text), "key [redacted:caller_key]");
    drop(two);
    assert_eq!(scrubber.scrub(text), text);
    assert_eq!(scrubber.scrub("somebody-else"), "[redacted:caller_key]");
    drop(other);
    assert_eq!(scrubber.scrub("somebody-else"), "somebody-else");
}

#[test]
fn live_secrets_are_bounded() {
    let scrubber = Scrubber::new();
    let secret = |number: usize| format!("{number:06}-{number:06}");
    let mut held: Vec<_> = (0..LIVE_SECRETS_MAX)
        .map(|number| scrubber.keep_out_while(secret(number)))
        .collect();
    assert_eq!(
        scrubber.scrub(&secret(LIVE_SECRETS_MAX - 1)),
        "[redacted:caller_key]"
    );
    let beyond = scrubber.keep_out_while(secret(LIVE_SECRETS_MAX));
    assert_eq!(
        scrubber.scrub(&secret(LIVE_SECRETS_MAX)),
        secret(LIVE_SECRETS_MAX)
    );
    drop(beyond);
    drop(held.pop());
    let fits_now = scrubber.keep_out_while(secret(LIVE_SECRETS_MAX));
    assert_eq!(
        scrubber.scrub(&secret(LIVE_SECRETS_MAX)),
        "[redacted:caller_key]"
    );
    drop(fits_now);
    let long = "é".repeat(LIVE_BYTES_MAX);
    let _held = scrubber.keep_out_while(long.as_str());
    assert!(scrubber.scrub(&long).starts_with("[redacted:caller_key]"));
    let _short = scrubber.keep_out_while("short");
    assert_eq!(scrubber.scrub("short"), "short");
}

fn secrets() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-zA-Z0-9_-]{8,80}",
        "\\PC{8,40}",
        prop::collection::vec(any::<char>(), 8..40)
            .prop_map(|letters| letters.into_iter().collect()),
        "[ab]{8,40}",
    ]
}

fn surroundings() -> impl Strategy<Value = String> {
    prop_oneof![
        "[ -~]{0,20}",
        "\\PC{0,20}",
        Just(String::new()),
        "[ab%\\\\\"]{0,20}"
    ]
}

/// One way of writing a secret between two texts: the whole text, and what may not be left of it.
#[derive(Clone, Copy, Debug)]
enum Way {
    Raw,
    Reversed,
    HexLower,
    HexUpper,
    Base64,
    Base64Url,
    PercentAll,
    PercentSome,
    EscapeAll,
    EscapeJson,
    Twice,
}

fn ways() -> impl Strategy<Value = Way> {
    use Way::{
        Base64, Base64Url, EscapeAll, EscapeJson, HexLower, HexUpper, PercentAll, PercentSome, Raw,
        Reversed, Twice,
    };
    prop::sample::select(vec![
        Raw,
        Reversed,
        HexLower,
        HexUpper,
        Base64,
        Base64Url,
        PercentAll,
        PercentSome,
        EscapeAll,
        EscapeJson,
        Twice,
    ])
}

/// An escape begun before the secret would swallow its beginning, and then it is not this form any more.
fn closed(before: &str) -> String {
    format!("{before} ")
}

fn write(way: Way, before: &str, secret: &str, after: &str) -> (String, String) {
    let form = match way {
        Way::Base64 => return base64_inside(&STANDARD, before, secret, after),
        Way::Base64Url => return base64_inside(&URL_SAFE, before, secret, after),
        Way::Raw => return ([before, secret, after].concat(), secret.to_owned()),
        Way::Reversed => secret.chars().rev().collect(),
        Way::HexLower => hex(secret),
        Way::HexUpper => hex(secret).to_uppercase(),
        Way::PercentAll => percent(secret, |_| false),
        Way::PercentSome => percent(secret, |letter| letter.is_ascii_alphanumeric()),
        Way::EscapeAll => escape_all(secret),
        Way::EscapeJson => escape_json(secret),
        Way::Twice => escape_json(&escape_all(secret)),
    };
    ([&closed(before), &*form, after].concat(), form)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_form_of_a_secret_is_left(
        secret in secrets(),
        way in ways(),
        before in surroundings(),
        after in surroundings(),
        live in any::<bool>(),
    ) {
        let scrubber = Scrubber::new();
        let kept = scrubber.keep_out("label", &SecretString::from(secret.clone()));
        prop_assume!(kept.is_ok());
        let (scrubber, _held) = if live {
            let scrubber = Scrubber::new();
            let held = scrubber.keep_out_while(secret.as_str());
            (scrubber, Some(held))
        } else {
            (scrubber, None)
        };
        let (text, form) = write(way, &before, &secret, &after);
        let scrubbed = scrubber.scrub(&text).into_owned();
        prop_assert!(!scrubbed.contains(&form), "{scrubbed:?} has {form:?} as {way:?}");
        prop_assert!(scrubbed.contains("[redacted"));
        prop_assert!(matches!(scrubber.scrub(&scrubbed), Cow::Borrowed(_)), "scrubbed again");
        prop_assert_eq!(&*scrubber.scrub_line(text.as_bytes()), scrubbed.as_bytes());
    }

    #[test]
    fn no_piece_of_sixteen_is_left(secret in "[a-zA-Z0-9]{40,80}", start in 0_usize..20, length in 16_usize..20) {
        let scrubber = keeping(&secret);
        let piece = &secret[start..start + length];
        let scrubbed = scrubber.scrub(&format!("<{piece}>")).into_owned();
        prop_assert_eq!(scrubbed, "<[redacted:label]>");
    }

    #[test]
    fn a_text_without_the_secret_is_unchanged(secret in "[A-Z]{8,40}", text in "[a-z ,.é]{0,200}") {
        prop_assert!(matches!(keeping(&secret).scrub(&text), Cow::Borrowed(_)));
    }

    #[test]
    fn any_bytes_are_gone_through(secret in secrets(), line in prop::collection::vec(any::<u8>(), 0..200)) {
        let scrubber = Scrubber::new();
        let _ = scrubber.keep_out("label", &SecretString::from(secret));
        let once = scrubber.scrub_line(&line).into_owned();
        prop_assert!(matches!(scrubber.scrub_line(&once), Cow::Borrowed(_)));
    }
}
