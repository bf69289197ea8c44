//! A whole run: from the options to the report.
//!
//! Invariants: an error means that the run could not be done; what was found wrong is in the report.
//! Does not know: what is checked; the command line.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use contracts::Finding;
use serde_json::Value;

use crate::check::{Check, Outcome, Row};
use crate::checks;
use crate::clock::today;
use crate::compare::{self, Comparison};
use crate::key::Secret;
use crate::observation::{Known, OPENAI};
use crate::options::{NAME_LETTERS_MAX, OPENAI_BASE_URL, Options};
use crate::plan::plan;
use crate::prices::Price;
use crate::report::Report;
use crate::runner;
use crate::source::Source;
use crate::spend::{Billed, Spend, Tariff};
use crate::world::{Setup, World};

/// The name of an upstream that tells none of its own.
const COMPATIBLE: &str = "compatible";

/// How long the upstream may take to say that it is there.
const REACH_MAX: Duration = Duration::from_secs(30);

/// Where text for people goes, line by line.
pub type Say<'a> = &'a dyn Fn(&str);

/// What is known before the first check.
struct Ready {
    source: Source,
    upstream: String,
    tariff: Tariff,
    bound: Spend,
    day: String,
}

/// Runs the suite: plan, checks, report. `environment` is what child processes get beside keyward's own variables.
///
/// Errors: the run could not be done; the text ends with what to type where that helps.
pub async fn run(
    mut options: Options,
    key: Option<String>,
    environment: BTreeMap<String, String>,
    say: Say<'_>,
) -> anyhow::Result<Report> {
    let older = options.compare.as_deref().map(compare::read).transpose()?;
    let all = checks::all();
    let ready = prepare(&mut options, key, &all, say).await?;
    let mut known = Known::read(&options.contracts, &ready.upstream)?;
    let world = World::open(setup(&options, &ready, environment)?)?;
    let mut rows = runner::run(&all, &world, options.max_spend, &|row| say(&line(row))).await;
    let mut accepted = Vec::new();
    if options.accept && rows.iter().any(|row| row.outcome == Outcome::NotRun) {
        say(
            "nothing is accepted: the run stopped early, and what it did not ask would count as gone",
        );
    } else if options.accept {
        accepted = accept(&mut known, &options, &ready, &world, say)?;
    }
    let found = known.judge(&world.book().noted).accepting(accepted);
    let judged = known.rows(&found);
    judged.iter().for_each(|row| say(&line(row)));
    rows.extend(judged);
    let spend = world.book().spend;
    let mut report = Report {
        when: today().to_string(),
        version: env!("CARGO_PKG_VERSION"),
        upstream: ready.upstream.clone(),
        replayed: ready.source.recorded.clone(),
        chat_model: options.chat_model.clone(),
        embed_model: options.embed_model.clone(),
        rows,
        found,
        spend,
        bound: ready.bound,
        skipped_percent_max: options.limits.skipped_percent,
        compared: None,
    };
    if let Some(older) = older {
        let newer: Value = serde_json::from_str(&report.json())?;
        report.compared = Some(Comparison::of(&older, &newer, options.limits.moved_ratio));
    }
    write(&options.report_dir, &report, &world)?;
    drop(world);
    ready
        .source
        .close(&options, &report.upstream, &ready.day)
        .await?;
    Ok(report)
}

/// Writes what is new into the contracts or the drifts, and names it, the breaking first. What was new before.
fn accept(
    known: &mut Known,
    options: &Options,
    ready: &Ready,
    world: &World,
    say: Say<'_>,
) -> anyhow::Result<Vec<Finding>> {
    let book = world.book();
    let before = known.judge(&book.noted);
    // A cassette shows what was so on the day of its recording.
    let when = ready.source.recorded.as_ref().unwrap_or(&ready.day);
    for path in known.accept(&book.noted, when, &options.chat_model)? {
        say(&format!(
            "written: {}; look at it before you commit it",
            path.display()
        ));
    }
    *known = Known::read(&options.contracts, &ready.upstream)?;
    let left = known.judge(&book.noted).new;
    let accepted = before.new.into_iter();
    let accepted: Vec<Finding> = accepted.filter(|finding| !left.contains(finding)).collect();
    for finding in &accepted {
        say(&format!("accepted: {finding}"));
    }
    for drift in &before.gone {
        say(&format!("taken out, seen no more: {drift}"));
    }
    Ok(accepted)
}

/// Finds the upstream, its name and the prices; prints the plan and holds it against the allowed spend.
async fn prepare(
    options: &mut Options,
    key: Option<String>,
    all: &[&Check],
    say: Say<'_>,
) -> anyhow::Result<Ready> {
    let source = Source::open(options, key).await?;
    let day = today().date().to_string();
    let billed = source.billed;
    let tariff = Tariff {
        chat: price(options, &options.chat_model, &day, billed)?,
        embed: price(options, &options.embed_model, &day, billed)?,
        billed,
    };
    let shown = options.base_url.as_deref().unwrap_or(OPENAI_BASE_URL);
    let (text, bound) = plan(all, &tariff, options, shown);
    say(&text);
    ensure!(
        bound.real <= options.max_spend,
        "the plan may cost {} USD and {} are allowed; type: cargo xtask test-live --max-spend {}",
        bound.real,
        options.max_spend,
        bound.real
    );
    let owner = reach(&source).await?;
    let upstream = match source.name.clone().or_else(|| options.upstream.clone()) {
        Some(name) => name,
        None => called(options.base_url.as_deref(), &owner),
    };
    Ok(Ready {
        source,
        upstream,
        tariff,
        bound,
        day,
    })
}

fn setup(
    options: &Options,
    ready: &Ready,
    environment: BTreeMap<String, String>,
) -> anyhow::Result<Setup> {
    Ok(Setup {
        // Absolute, because it runs in a directory of its own.
        keyward: std::path::absolute(&options.keyward).context("find keyward")?,
        base_url: ready.source.base_url.clone(),
        secret: Secret::new(ready.source.key.clone()),
        upstream: ready.upstream.clone(),
        tariff: ready.tariff.clone(),
        samples: options.samples,
        limits: options.limits,
        dimensions: options.dimensions,
        reasoning_effort: options.reasoning_effort.clone(),
        environment: environment.into_iter().collect(),
    })
}

/// Two reports, without a run: what differs, and whether nothing broke.
pub fn compare_reports(old: &Path, new: &Path, options: &Options) -> anyhow::Result<Comparison> {
    Ok(Comparison::of(
        &compare::read(old)?,
        &compare::read(new)?,
        options.limits.moved_ratio,
    ))
}

fn price(options: &Options, model: &str, day: &str, billed: Billed) -> anyhow::Result<Price> {
    if let Some(price) = options.prices.iter().find(|price| price.model == model) {
        return Ok(price.clone());
    }
    match Price::of_list(model, day)? {
        Some(price) => Ok(price),
        None if billed != Billed::All => Price::of_test(model),
        None => bail!(
            "`{model}` has no price in the list, so its spend can't be bounded; type: cargo xtask test-live --price {model}=INPUT/OUTPUT"
        ),
    }
}

/// Asks for the models, which costs nothing: whether the upstream answers and lets the key in, and who it says owns them.
async fn reach(source: &Source) -> anyhow::Result<String> {
    let client = reqwest::Client::builder()
        .no_proxy()
        .timeout(REACH_MAX)
        .build()?;
    let url = format!("{}/models", source.base_url.trim_end_matches('/'));
    let asked = async {
        let response = client.get(url).bearer_auth(&source.key).send().await?;
        Ok::<_, reqwest::Error>((response.status().as_u16(), response.text().await?))
    };
    let told = "reach the upstream; see that it runs and that OPENAI_BASE_URL names it";
    let (status, text) = asked
        .await
        .map_err(reqwest::Error::without_url)
        .context(told)?;
    ensure!(
        ![401, 403].contains(&status),
        "the upstream refuses the key; set OPENAI_API_KEY to one that it knows"
    );
    ensure!(
        status == 200,
        "the upstream answers GET …/models with {status}; see that OPENAI_BASE_URL ends as its API begins, as in …/v1"
    );
    let models: Value = serde_json::from_str(&text).unwrap_or_default();
    Ok(models["data"][0]["owned_by"]
        .as_str()
        .unwrap_or_default()
        .to_owned())
}

/// The name of an upstream that nobody named. OpenAI is who answers at OpenAI's address; a server which only says that
/// OpenAI owns its models, as proxies do, must not rewrite the contracts.
fn called(base_url: Option<&str>, owner: &str) -> String {
    let host = |url: &str| {
        let url = reqwest::Url::parse(url).ok()?;
        url.host_str().map(str::to_owned)
    };
    if base_url.is_none_or(|url| host(url) == host(OPENAI_BASE_URL)) {
        return OPENAI.to_owned();
    }
    match name(owner) {
        own if own == OPENAI => COMPATIBLE.to_owned(),
        own => own,
    }
}

/// The name as keyward's settings and a file's name have it.
fn name(text: &str) -> String {
    let letters = text.to_lowercase();
    let plain: String = letters
        .chars()
        .map(|letter| {
            if letter.is_ascii_alphanumeric() {
                letter
            } else {
                '-'
            }
        })
        .take(NAME_LETTERS_MAX)
        .collect();
    let plain = plain.trim_matches('-');
    if plain.is_empty() {
        COMPATIBLE.to_owned()
    } else {
        plain.to_owned()
    }
}

fn line(row: &Row) -> String {
    let note = match &row.outcome {
        Outcome::Pass(figures) => figures
            .iter()
            .map(|(name, figure)| format!("{name} {figure}"))
            .collect::<Vec<_>>()
            .join(", "),
        Outcome::Fail(why) | Outcome::Skip(why) => why.clone(),
        Outcome::NotRun => "spend".to_owned(),
    };
    format!(
        "{:<8} {:<26} {:<8} {note}",
        row.outcome.word(),
        row.id,
        row.door.name()
    )
}

/// Writes both forms, and what keyward logged.
fn write(folder: &Path, report: &Report, world: &World) -> anyhow::Result<()> {
    let put = |name: &str, text: &str| {
        let path = folder.join(name);
        std::fs::write(&path, text).with_context(|| format!("write {}", path.display()))
    };
    std::fs::create_dir_all(folder).with_context(|| format!("make {}", folder.display()))?;
    put("report.md", &report.markdown())?;
    put("report.json", &report.json())?;
    let mut logs = world.book().logs.clone();
    logs.push(world.keyward.written());
    put("keyward.log", &logs.join("\n"))
}

#[cfg(test)]
mod tests {
    use super::{called, name};

    #[test]
    fn only_openai_s_own_address_is_openai_whatever_the_owner_says() {
        let check = |base_url: Option<&str>, owner: &str, expected: &str| {
            assert_eq!(called(base_url, owner), expected, "{base_url:?}, {owner}");
        };
        check(None, "system", "openai");
        check(
            Some("https://api.openai.com/v1/"),
            "openai-internal",
            "openai",
        );
        check(Some("http://127.0.0.1:4000/v1"), "openai", "compatible");
        check(
            Some("https://api.openai.com.example.com/v1"),
            "OpenAI",
            "compatible",
        );
        check(Some("http://127.0.0.1:4000/v1"), "llamacpp", "llamacpp");
    }

    #[test]
    fn names_fit_the_settings() {
        assert_eq!(
            [name("llamacpp"), name("Big Corp."), name(""), name("--")],
            ["llamacpp", "big-corp", "compatible", "compatible"]
        );
        assert!(name(&"a".repeat(99)).len() <= 32);
    }
}
