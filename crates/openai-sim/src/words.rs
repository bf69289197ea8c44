//! Sentences, words and rough stems of English text: what quoting, tools and embeddings compare texts by.
//!
//! Invariants: sentences are slices of the text in its order; stems are lower case and never empty.
//! Does not know: messages, models, JSON.

/// Words that say nothing about what a text is about.
const STOPWORDS: &[&str] = &[
    "a", "about", "above", "after", "all", "also", "am", "an", "and", "any", "are", "as", "at",
    "be", "been", "but", "by", "can", "could", "did", "do", "does", "each", "for", "from", "get",
    "give", "had", "has", "have", "he", "her", "his", "how", "i", "if", "in", "into", "is", "it",
    "its", "may", "me", "my", "no", "not", "of", "on", "only", "or", "our", "please", "say", "she",
    "should", "so", "some", "tell", "than", "that", "the", "their", "them", "then", "there",
    "these", "they", "this", "to", "up", "us", "was", "we", "were", "what", "when", "where",
    "which", "who", "whom", "whose", "why", "will", "with", "would", "you", "your",
];

/// Endings that are cut, longest first, when at least [`STEM_LETTERS_MIN`] letters stay.
const ENDINGS: &[&str] = &[
    "ations", "ation", "ings", "ing", "ies", "ers", "ed", "er", "es", "ly", "al", "s", "e", "y",
];
const STEM_LETTERS_MIN: usize = 3;

/// Whether `word` (lower case) says nothing about what a text is about.
pub(crate) fn is_stopword(word: &str) -> bool {
    STOPWORDS.binary_search(&word).is_ok()
}

/// The words of `text` in lower case, without punctuation.
pub(crate) fn words(text: &str) -> impl Iterator<Item = String> + '_ {
    text.split(|character: char| !character.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(str::to_lowercase)
}

/// What is left of `word` (lower case) without a common ending, so that `budgets` and `budget` are one.
pub(crate) fn stem(word: &str) -> &str {
    ENDINGS
        .iter()
        .filter_map(|ending| word.strip_suffix(ending))
        .find(|rest| rest.chars().count() >= STEM_LETTERS_MIN)
        .unwrap_or(word)
}

/// The distinct stems of the words of `text` that are no stopwords, sorted.
pub(crate) fn topics(text: &str) -> Vec<String> {
    let mut stems: Vec<String> = words(text)
        .filter(|word| !is_stopword(word))
        .map(|word| stem(&word).to_owned())
        .collect();
    stems.sort_unstable();
    stems.dedup();
    stems
}

/// How many of the sorted `topics` also occur in the sorted `others`.
pub(crate) fn shared(topics: &[String], others: &[String]) -> usize {
    topics
        .iter()
        .filter(|topic| others.binary_search(topic).is_ok())
        .count()
}

/// The sentences of `text`: cut after `.`, `!`, `?` before a space, and at line ends. Marks of lists and quotes at
/// the start of a line are left out.
pub(crate) fn sentences(text: &str) -> Vec<&str> {
    text.lines().flat_map(sentences_of_line).collect()
}

fn sentences_of_line(line: &str) -> Vec<&str> {
    let mut sentences = Vec::new();
    let mut start = 0;
    let mut previous = ' ';
    for (at, character) in line.char_indices() {
        if character.is_whitespace() && matches!(previous, '.' | '!' | '?') {
            sentences.push(&line[start..at]);
            start = at;
        }
        previous = character;
    }
    sentences.push(&line[start..]);
    sentences
        .into_iter()
        .map(|sentence| {
            sentence
                .trim()
                .trim_start_matches(['-', '*', '#', '>', '•'])
                .trim_start()
        })
        .filter(|sentence| sentence.chars().any(char::is_alphanumeric))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::{STOPWORDS, sentences, shared, stem, topics};

    #[test]
    fn stopwords_are_sorted_for_the_search() {
        assert!(STOPWORDS.is_sorted());
    }

    #[test]
    fn endings_fall_and_short_words_stay() {
        for (word, expected) in [
            ("budgets", "budget"),
            ("moved", "mov"),
            ("moving", "mov"),
            ("red", "red"),
            ("is", "is"),
        ] {
            assert_eq!(stem(word), expected, "{word}");
        }
    }

    #[test]
    fn texts_share_topics_whatever_their_endings() {
        let question = topics("Who was moving the budgets?");
        assert_eq!(shared(&question, &topics("Ada moved the budget.")), 2);
        assert_eq!(shared(&question, &topics("The sky is blue.")), 0);
    }

    #[test]
    fn sentences_keep_their_numbers_and_lose_their_bullets() {
        let text = "Pi is 3.14. It is used!\n- The list item?\n\n***\nlast one";
        assert_eq!(
            sentences(text),
            ["Pi is 3.14.", "It is used!", "The list item?", "last one"]
        );
    }
}
