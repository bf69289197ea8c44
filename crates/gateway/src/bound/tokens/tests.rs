//! Real token counts against the bytes that bound them.
//!
//! Invariants: the texts are those on which a tokenizer does worst.
//! Does not know: prices.

use proptest::prelude::any;
use proptest::test_runner::TestRunner;

use super::*;

/// Both real encodings find at most one token for a byte of the text, and of the text as it stands in JSON.
fn check(text: &str) {
    let json = serde_json::to_string(text).unwrap();
    for encoding in [Encoding::Cl100k, Encoding::O200k] {
        let tokens = encoding.tokenizer().count(text);
        assert!(tokens <= text.len() && text.len() <= json.len(), "{text:?}");
    }
}

/// Those on which a tokenizer does worst.
fn check_the_worst() {
    let astral: String = (0x1_0000..0x1_0400).filter_map(char::from_u32).collect();
    let private: String = (0xF_0000..0xF_0200).filter_map(char::from_u32).collect();
    let controls: String = (0..0x20).filter_map(char::from_u32).collect();
    let bytes: Vec<u8> = (0..=255).cycle().take(2_000).collect();
    let latin: String = bytes.iter().map(|byte| char::from(*byte)).collect();
    for text in [
        astral.as_str(),
        private.as_str(),
        controls.as_str(),
        latin.as_str(),
        &*String::from_utf8_lossy(&bytes),
        "",
        "🏳️‍🌈👩‍👩‍👧‍👦🇺🇳🤷🏽‍♀️",
        "a̸̧̛̘̝̗̦͓͖̿̈́̆͝",
        "\u{feff}\u{200d}\u{202e}\u{0}",
        "<|endoftext|><|im_start|>system<|fim_prefix|>",
        "ᚠᛇᚻ ሰላም ⸎ ꙮ",
        "\r\n\t \u{3000}   \n\n\n",
        "0123456789 0.1e-10 ---- ==== ////",
    ] {
        check(text);
    }
    check(&"x".repeat(10_000));
    check(&" \n".repeat(5_000));
}

#[test]
fn no_text_has_more_tokens_than_bytes() {
    // One test, since each loads both vocabularies anew.
    check_the_worst();
    let texts = (
        any::<String>(),
        "\\PC{0,60}",
        proptest::collection::vec(any::<u8>(), 0..80),
    );
    let law = |(text, letters, bytes): (String, String, Vec<u8>)| {
        check(&text);
        check(&letters);
        check(&String::from_utf8_lossy(&bytes));
        Ok(())
    };
    TestRunner::default().run(&texts, law).unwrap();
}

#[test]
fn the_encoding_is_known_by_the_model() {
    for (model, encoding) in [
        ("text-embedding-3-small", Some(Encoding::Cl100k)),
        ("gpt-3.5-turbo-0125", Some(Encoding::Cl100k)),
        ("gpt-4", Some(Encoding::Cl100k)),
        ("gpt-4-turbo", Some(Encoding::Cl100k)),
        ("gpt-4o-mini", Some(Encoding::O200k)),
        ("ft:gpt-4o-mini-2024-07-18", Some(Encoding::O200k)),
        ("gpt-4.1", Some(Encoding::O200k)),
        ("gpt-5", Some(Encoding::O200k)),
        ("gpt-5-nano", Some(Encoding::O200k)),
        ("o3-mini", Some(Encoding::O200k)),
        ("gpt-5.4", Some(Encoding::GuessedO200k)),
        ("gpt-6-luna", Some(Encoding::GuessedO200k)),
        ("davinci-002", None),
        ("qwen2.5:0.5b", None),
        ("gpt-40", None),
    ] {
        assert_eq!(Encoding::of(model), encoding, "{model}");
    }
}

#[test]
fn all_text_is_counted_and_links_of_images_are_not() {
    let count = |body: &str| count("gpt-4o", Operation::Chat, body.as_bytes()).unwrap();
    let plain = count(r#"{"messages":[{"role":"user","content":"Hello, world!"}]}"#);
    assert!((10..40).contains(&plain), "{plain}");
    let long = "word ".repeat(1_000);
    for body in [
        format!(r#"{{"messages":[{{"role":"user","content":"{long}"}}]}}"#),
        format!(r#"{{"messages":[{{"content":[{{"type":"text","text":"{long}"}}]}}]}}"#),
        format!(r#"{{"messages":[{{"tool_calls":[{{"function":{{"arguments":"{long}"}}}}]}}]}}"#),
        format!(r#"{{"messages":[],"tools":[{{"function":{{"description":"{long}"}}}}]}}"#),
        format!(r#"{{"messages":[],"response_format":{{"schema":"{long}"}}}}"#),
    ] {
        assert!((1_100..1_200).contains(&count(&body)), "{}", count(&body));
    }
    let linked = format!(
        r#"{{"messages":[{{"content":[{{"type":"image_url","image_url":{{"url":"{long}"}}}}]}}]}}"#
    );
    assert!(count(&linked) < 40);
    assert_eq!(super::count("qwen", Operation::Chat, b"{}"), None);
    assert_eq!(super::count("gpt-4o", Operation::Chat, b"{"), None);
}
