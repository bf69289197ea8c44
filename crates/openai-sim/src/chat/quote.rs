//! Answers a question with the sentences of the prompt that share most words with it.
//!
//! Invariants: every sentence of an answer stands in the prompt, or the answer is [`NOTHING_FITS`]; the same prompt
//! gives the same answer.
//! Does not know: meaning; it counts words.

use crate::words::{sentences, shared, topics};

use super::ask::Message;

/// The answer where nothing in the prompt fits the question.
const NOTHING_FITS: &str = "Hello! I am the built-in simulator: no model was asked. Give me some text and a question about it, \
                            and I will quote the sentences that fit best.";

/// Sentences of one answer.
const SENTENCES_MAX: usize = 2;

struct Candidate<'a> {
    /// Its place in the prompt.
    place: usize,
    sentence: &'a str,
    score: f64,
}

pub(super) fn answer(messages: &[Message<'_>]) -> String {
    let Some(asker) = messages.iter().rposition(|message| message.role == "user") else {
        return NOTHING_FITS.to_owned();
    };
    let question = question(&messages[asker].text);
    let wanted = topics(question);
    let mut candidates: Vec<Candidate<'_>> = messages
        .iter()
        .filter(|message| message.role != "assistant")
        .flat_map(|message| sentences(&message.text))
        .filter(|sentence| *sentence != question && !sentence.ends_with('?'))
        .enumerate()
        .map(|(place, sentence)| Candidate {
            place,
            sentence,
            score: score(&wanted, sentence),
        })
        .filter(|candidate| candidate.score > 0.0)
        .collect();
    // Stable: of equal sentences the earlier one is taken.
    candidates.sort_by(|one, other| other.score.total_cmp(&one.score));
    let Some(best) = candidates.first().map(|candidate| candidate.score) else {
        return NOTHING_FITS.to_owned();
    };
    candidates.truncate(SENTENCES_MAX);
    candidates.retain(|candidate| candidate.score * 1.5 >= best);
    candidates.sort_by_key(|candidate| candidate.place);
    candidates
        .iter()
        .map(|candidate| candidate.sentence)
        .collect::<Vec<_>>()
        .join(" ")
}

/// The last sentence with a question mark, else the last sentence.
fn question(text: &str) -> &str {
    let sentences = sentences(text);
    let asked = sentences.iter().rfind(|sentence| sentence.ends_with('?'));
    asked.or(sentences.last()).copied().unwrap_or(text)
}

/// Words in common, a little less for sentences that have many others.
fn score(wanted: &[String], sentence: &str) -> f64 {
    let topics = topics(sentence);
    let common = shared(wanted, &topics) as f64;
    common - common.min(1.0) * topics.len() as f64 / 1000.0
}

#[cfg(test)]
mod tests {
    use super::super::ask::Message;
    use super::{NOTHING_FITS, answer};

    fn check(messages: &[(&str, &str)], expected: &str) {
        let messages: Vec<Message<'_>> = messages
            .iter()
            .map(|(role, text)| Message {
                role,
                text: (*text).to_owned(),
            })
            .collect();
        assert_eq!(answer(&messages), expected);
    }

    #[test]
    fn the_fitting_sentence_of_the_context_is_quoted() {
        let context =
            "The office opens at nine. The cafeteria serves soup on Mondays. Parking is free.";
        check(
            &[("system", context), ("user", "When does the office open?")],
            "The office opens at nine.",
        );
        check(
            &[
                ("system", context),
                ("user", "What soup does the cafeteria serve?"),
            ],
            "The cafeteria serves soup on Mondays.",
        );
    }

    #[test]
    fn context_and_question_may_share_a_message() {
        let text = "Context:\n- Ada wrote the first program.\n- Bob paints.\n\nQuestion: Who wrote the first program?";
        check(&[("user", text)], "Ada wrote the first program.");
    }

    #[test]
    fn two_sentences_that_fit_alike_both_come_in_their_order() {
        let context = "Refunds take five days. Shipping is slow. Refunds need a receipt.";
        check(
            &[("system", context), ("user", "Tell me about refunds")],
            "Refunds take five days. Refunds need a receipt.",
        );
    }

    #[test]
    fn without_a_fitting_sentence_it_says_what_it_is() {
        check(&[("user", "Say hello")], NOTHING_FITS);
        check(
            &[
                ("system", "You are kind."),
                ("user", "What is the capital of France?"),
            ],
            NOTHING_FITS,
        );
        check(&[("system", "Only a rule.")], NOTHING_FITS);
        check(&[("user", "")], NOTHING_FITS);
    }
}
