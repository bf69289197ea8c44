//! Usage objects as servers send them, from `tests/vectors/usage.txt`, and what they are billed.
//!
//! Invariants: every vector has a lesson; bills were worked out by hand from published prices, not by this program.
//! Does not know: the gateway's own wires; `money.rs` sends calls through those.

use std::fmt::Write as _;

use cost_accounting::{PicoUsd, PriceBook, PriceSource, Tier, UnknownPrice, Usage};
use openai_client::usage::Usage as Reported;
use openai_client::wire::{AnswerHead, ChunkHead};

const VECTORS: &str = include_str!("../../vectors/usage.txt");
/// Fewer, and some were lost.
const VECTORS_MIN: usize = 80;

/// One paragraph of the file.
#[derive(Default)]
struct Vector<'text> {
    lesson: &'text str,
    model: &'text str,
    answer: Vec<&'text str>,
    /// `None` where the answer proves no usage.
    bill: Option<&'text str>,
    flaw: Option<&'text str>,
    estimated: bool,
}

fn read(paragraph: &str) -> Vector<'_> {
    let mut vector = Vector::default();
    for line in paragraph.lines() {
        match line.split_once(' ') {
            Some(("lesson", lesson)) => vector.lesson = lesson,
            Some(("model", model)) => vector.model = model,
            Some(("answer", answer)) => vector.answer.push(answer),
            Some(("bill", bill)) => vector.bill = bill.split(' ').next(),
            Some(("flaw", flaw)) => vector.flaw = Some(flaw),
            None if line == "estimated" => vector.estimated = true,
            None if line == "unreported" => {}
            _ => panic!("not a line of a vector: {line}"),
        }
    }
    assert!(!vector.lesson.is_empty() && !vector.answer.is_empty());
    vector
}

/// What an answer says of itself: usage, model, tier.
type Said = (Option<Reported>, Option<String>, Option<String>);

fn said(answer: &[&str]) -> Said {
    if let [whole] = answer {
        return AnswerHead::parse(whole.as_bytes()).map_or((None, None, None), |head| {
            let [model, tier] = [head.model, head.service_tier].map(|name| name.map(String::from));
            (head.usage, model, tier)
        });
    }
    let mut said: Said = (None, None, None);
    for event in answer {
        let data = event.strip_prefix("data: ").unwrap();
        if data != "[DONE]" {
            let head = ChunkHead::parse(data.as_bytes()).unwrap();
            said.0 = head.usage.reported().or(said.0);
            said.1 = said.1.or(head.model.map(Into::into));
            said.2 = head.service_tier.map(Into::into).or(said.2);
        }
    }
    said
}

/// Field by field: a class that is added to one side and forgotten on the other does not compile.
fn usage_of(reported: &Reported) -> Usage {
    let Reported {
        input,
        cached_input,
        cache_write_30m,
        cache_write_12h,
        output,
        reasoning,
        audio_input,
        cached_audio_input,
        audio_output,
        image_input,
        cached_image_input,
        image_output,
        audio_ms,
        web_searches,
        flaw: _,
    } = *reported;
    Usage {
        input,
        cached_input,
        cache_write_30m,
        cache_write_12h,
        output,
        reasoning,
        audio_input,
        cached_audio_input,
        audio_output,
        image_input,
        cached_image_input,
        image_output,
        audio_ms,
        web_searches,
        characters: 0,
        images: 0,
        file_searches: 0,
        containers: 0,
    }
}

/// The bill in the file's words, and why it is none.
fn billed(vector: &Vector<'_>, book: &PriceBook) -> (Option<PicoUsd>, Option<&'static str>, bool) {
    let now = "2026-11-22T12:00:00Z".parse().unwrap();
    let (reported, model, tier) = said(&vector.answer);
    let Some(reported) = reported else {
        return (None, None, false);
    };
    let usage = usage_of(&reported);
    let served = model.as_deref().unwrap_or(vector.model);
    let priced = book.find_priced(served, now);
    let is_known = priced.is_some();
    let row = priced.unwrap_or_else(|| book.find(vector.model, now).unwrap());
    let tier = tier.as_deref().map_or(Some(Tier::Standard), Tier::read);
    let at_tier = tier.and_then(|tier| row.cost_at(tier, &usage));
    let is_estimated = !is_known || at_tier.is_none();
    let cost = at_tier.unwrap_or_else(|| row.dearest_cost(&usage));
    // Whatever was reported, a bound with these limits would have held it.
    let tokens = |tokens: u128| u64::try_from(tokens).unwrap();
    let bound = row.bound(tokens(usage.input_tokens()), tokens(usage.output_tokens()));
    let fees = Usage {
        audio_ms: usage.audio_ms,
        web_searches: usage.web_searches,
        ..Usage::default()
    };
    assert!(
        bound.checked_add(row.cost(&fees)).unwrap() >= cost,
        "{}",
        vector.lesson
    );
    (Some(cost), reported.flaw, is_estimated)
}

#[test]
fn every_vector_is_billed_as_it_says() {
    let source = PriceSource {
        name: "config/prices.toml".to_owned(),
        text: include_str!("../../../../../config/prices.toml").to_owned(),
    };
    let book = PriceBook::parse(&[source], UnknownPrice::Refuse).unwrap();
    let mut count = 0;
    let mut wrong = String::new();
    for paragraph in VECTORS
        .split("\n\n")
        .filter(|paragraph| paragraph.starts_with("lesson "))
    {
        count += 1;
        let vector = read(paragraph);
        let bill = vector.bill.map(|usd| PicoUsd::from_usd(usd).unwrap());
        let expected = (bill, vector.flaw, vector.estimated);
        let found = billed(&vector, &book);
        if found != expected {
            writeln!(
                wrong,
                "{}\n  expected {expected:?}\n  found {found:?}",
                vector.lesson
            )
            .unwrap();
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
    assert!(count >= VECTORS_MIN, "only {count} vectors");
}
