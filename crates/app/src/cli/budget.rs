//! `keyward budget set | list | explain | raise | remove`.
//!
//! Invariants: money is exact decimal text in and out; the JSON form is fixed, since others script against it; an edit says when it binds.
//! Does not know: how budgets hold.

use std::process::ExitCode;

use access::{Keyring, VirtualKey};
use anyhow::{Context, bail};
use clap::{Args, Subcommand};
use cost_accounting::{
    Budget, BudgetScope, BudgetStanding, BudgetWindow, Budgets, CallScope, Limits, PicoUsd, Tier,
    read_limit,
};
use serde_json::{Value, json};
use storage::Role;

use crate::clocks;
use crate::table::{Format, Rows, say};
use crate::wiring::{World, takes_tier};

/// What a call is taken to need where nobody says: a page in, and what a call without a maximum may give.
const TOKENS_IN: u64 = 1_000;

/// What to do with budgets.
#[derive(Debug, Subcommand)]
pub(crate) enum BudgetCommand {
    /// Make a budget, or change its limit
    Set(Set),
    /// List budgets and what is left of them
    List(List),
    /// Say how a call would fare, and which budget stands in its way
    Explain(Explain),
    /// Give a budget more room
    Raise(Set),
    /// Remove a budget
    Remove(Which),
}

/// Which budget.
#[derive(Args, Debug)]
pub(crate) struct Which {
    /// Whom it binds: global, project:NAME, key:ID, model:NAME, user:NAME, tag:TAG; key:* and user:* mean each of them by itself
    #[arg(long)]
    scope: BudgetScope,
    /// Over which time: day, month (both UTC) or total
    #[arg(long, default_value = "day")]
    window: BudgetWindow,
}

/// A budget and its limit.
#[derive(Args, Debug)]
pub(crate) struct Set {
    #[command(flatten)]
    which: Which,
    /// The most that may be spent in the window, such as 0.01
    #[arg(long, value_name = "USD", value_parser = read_limit)]
    limit_usd: PicoUsd,
}

/// Options of `list`.
#[derive(Args, Debug)]
pub(crate) struct List {
    /// Only budgets of this scope
    #[arg(long)]
    scope: Option<BudgetScope>,
    /// How to write it
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// A call to explain. Without a key every budget is explained.
#[derive(Args, Debug)]
pub(crate) struct Explain {
    /// The virtual key that calls, by id
    #[arg(long, value_name = "ID")]
    key: Option<String>,
    /// The model it asks for
    #[arg(long, default_value = "gpt-4o-mini", requires = "key")]
    model: String,
    /// The end user it names
    #[arg(long, value_name = "NAME", requires = "key")]
    user: Option<String>,
    /// The most that the call may cost [default: what the tokens may cost]
    #[arg(long, value_name = "USD", value_parser = read_limit, requires = "key")]
    needs_usd: Option<PicoUsd>,
    /// Tokens of its input
    #[arg(long, value_name = "N", default_value_t = TOKENS_IN, requires = "key")]
    tokens_in: u64,
    /// The most tokens of its output [default: what the gateway caps a call at that names no maximum]
    #[arg(long, value_name = "N", requires = "key")]
    tokens_out: Option<u64>,
}

/// Does it.
pub(crate) async fn run(command: BudgetCommand, world: &World) -> anyhow::Result<ExitCode> {
    let store = world.open_store(Role::Command).await?;
    let budgets = Budgets::new(store.clone());
    let code = match &command {
        BudgetCommand::Set(set) => {
            let Which { scope, window } = &set.which;
            let budget = budgets.set(scope, *window, set.limit_usd).await?;
            say_set(&budget, &budgets).await
        }
        BudgetCommand::Raise(set) => {
            let Which { scope, window } = &set.which;
            let budget = budgets.raise(scope, *window, set.limit_usd).await?;
            say_set(&budget, &budgets).await
        }
        BudgetCommand::Remove(which) => remove(which, &budgets).await,
        BudgetCommand::List(list) => show(list, &budgets).await,
        BudgetCommand::Explain(explain) => {
            let keyring = Keyring::open(store.clone())
                .await
                .context("read the virtual keys")?;
            explain_call(explain, world, &budgets, &keyring).await
        }
    }?;
    store.close().await.context("close the database")?;
    Ok(code)
}

async fn say_set(budget: &Budget, budgets: &Budgets) -> anyhow::Result<ExitCode> {
    let Budget {
        scope,
        window,
        limit,
        ..
    } = budget;
    let binds = binds(budgets).await?;
    let whom = if scope.is_template() {
        "is what each begins with"
    } else {
        "may be spent"
    };
    say(&format!(
        "{scope} per {window}: {limit} USD {whom}. {binds}\n"
    ))?;
    Ok(ExitCode::SUCCESS)
}

/// When an edit that was just made binds.
async fn binds(budgets: &Budgets) -> anyhow::Result<String> {
    Ok(match budgets.unseen_by().await? {
        0 => "It binds from now on.".to_owned(),
        servers => {
            format!(
                "It binds as soon as {servers} running server(s) have seen it, within a second."
            )
        }
    })
}

async fn remove(which: &Which, budgets: &Budgets) -> anyhow::Result<ExitCode> {
    let Which { scope, window } = which;
    if !budgets.remove(scope, *window).await? {
        bail!(
            "find the {window} budget of {scope}: there is none; `keyward budget list` shows what there is"
        );
    }
    let binds = binds(budgets).await?;
    say(&format!(
        "{scope} per {window}: no limit any more. {binds}\n"
    ))?;
    Ok(ExitCode::SUCCESS)
}

async fn show(list: &List, budgets: &Budgets) -> anyhow::Result<ExitCode> {
    let standings = budgets.list(list.scope.as_ref()).await?;
    if list.format == Format::Json {
        let all: Vec<Value> = standings.iter().map(as_json).collect();
        say(&json!({ "budgets": all }).to_string())?;
        return Ok(ExitCode::SUCCESS);
    }
    let rows = Rows {
        columns: &[
            "scope",
            "window",
            "limit_usd",
            "settled_usd",
            "held_usd",
            "left_usd",
            "resets_at",
        ],
        rows: standings.iter().map(as_row).collect(),
    };
    match list.format {
        Format::Csv => say(&rows.csv()?)?,
        _ if rows.rows.is_empty() => say(
            "No budgets. Set one: keyward budget set --scope global --window day --limit-usd 100.0\n",
        )?,
        _ => say(&rows.table())?,
    }
    Ok(ExitCode::SUCCESS)
}

fn as_row(standing: &BudgetStanding) -> Vec<String> {
    vec![
        standing.budget.scope.to_string(),
        standing.budget.window.to_string(),
        standing.budget.limit.to_string(),
        standing.settled.to_string(),
        standing.held().to_string(),
        standing.left().to_string(),
        standing
            .resets_at
            .map(|at| at.to_string())
            .unwrap_or_default(),
    ]
}

fn as_json(standing: &BudgetStanding) -> Value {
    json!({
        "scope": standing.budget.scope.to_string(),
        "window": standing.budget.window.to_string(),
        "limit_usd": standing.budget.limit.to_string(),
        "settled_usd": standing.settled.to_string(),
        "held_usd": standing.held().to_string(),
        "unproven_usd": standing.written_off.to_string(),
        "left_usd": standing.left().to_string(),
        "resets_at": standing.resets_at.map(|at| at.to_string()),
        "from_template": standing.budget.template_id.is_some(),
    })
}

async fn explain_call(
    explain: &Explain,
    world: &World,
    budgets: &Budgets,
    keyring: &Keyring,
) -> anyhow::Result<ExitCode> {
    let Some(id) = &explain.key else {
        return explain_all(budgets).await;
    };
    let keys = keyring.list();
    let Some(key) = keys.iter().find(|key| key.id == *id) else {
        bail!("find the key {id}: there is none; `keyward keys list` shows the ids");
    };
    let scope = scope(key, explain);
    let needed = match explain.needs_usd {
        Some(needed) => needed,
        None => {
            let explanation = budgets.explain(&scope, PicoUsd::ZERO, None).await?;
            let standings = explanation.budgets.iter();
            let tightest = standings.map(|standing| standing.budget.limit).min();
            bound(explain, world, tightest)?
        }
    };
    let explanation = budgets.explain(&scope, needed, None).await?;
    say(&explanation.to_string())?;
    Ok(if explanation.is_allowed() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// Every budget in a sentence.
async fn explain_all(budgets: &Budgets) -> anyhow::Result<ExitCode> {
    let standings = budgets.list(None).await?;
    let mut text = String::new();
    for standing in &standings {
        let Budget {
            scope,
            window,
            limit,
            ..
        } = &standing.budget;
        if scope.is_template() {
            text +=
                &format!("Each {scope} begins with {limit} USD per {window}, at its first call.\n");
            continue;
        }
        let (settled, held, left) = (standing.settled, standing.held(), standing.left());
        let until = standing.resets_at.map_or_else(
            || "It never resets.".to_owned(),
            |at| format!("It resets at {at}."),
        );
        text += &format!(
            "{scope} per {window}: of {limit} USD, {settled} are spent and {held} held for calls under way or about to come; {left} are left. {until}\n"
        );
    }
    if text.is_empty() {
        text += "No budgets: every call is sent, whatever it costs.\n";
    }
    text += "How one call would fare: keyward budget explain --key ID --model MODEL\n";
    say(&text)?;
    Ok(ExitCode::SUCCESS)
}

/// The most that such a call costs at today's prices, capped as the gateway caps it.
fn bound(explain: &Explain, world: &World, tightest: Option<PicoUsd>) -> anyhow::Result<PicoUsd> {
    let row = world
        .prices
        .find(&explain.model, clocks::now())
        .map_err(|error| anyhow::anyhow!("{error}; say what the call may cost with --needs-usd"))?;
    let tiers: &[Tier] = if takes_tier(&world.settings.upstream) {
        &[Tier::Standard]
    } else {
        &Tier::ALL
    };
    let tokens_min = world.settings.budgets.output_tokens;
    let longest = row.output_tokens_max().unwrap_or(u64::MAX);
    let capped = tightest.and_then(|limit| row.output_cap((tiers, 1), limit, tokens_min, longest));
    // Without a budget, or where output is free, nothing is capped.
    let tokens_out = explain
        .tokens_out
        .or(capped)
        .or(row.output_tokens_max())
        .unwrap_or(tokens_min);
    let limits = Limits::text(explain.tokens_in, tokens_out);
    Ok(row.bound_within(&limits, tiers))
}

fn scope(key: &VirtualKey, explain: &Explain) -> CallScope {
    CallScope {
        key_id: key.id.as_str().into(),
        project: key.project.as_str().into(),
        model: explain.model.as_str().into(),
        end_user: explain.user.as_deref().map(Into::into),
        tags: key.tags.as_slice().into(),
    }
}

#[cfg(test)]
mod tests {
    use config::Sources;
    use cost_accounting::PicoUsd;
    use privacy::Scrubber;

    use super::{Explain, bound};
    use crate::wiring::World;

    #[test]
    fn explain_needs_what_the_gateway_would_hold_for_a_call_without_a_maximum() {
        let directory = tempfile::tempdir().unwrap();
        let sources = Sources {
            config_dir: None,
            environment: Vec::new(),
            working_dir: directory.path().to_owned(),
            cli: Vec::new(),
        };
        let world = World::load(&sources, &Scrubber::new()).unwrap();
        let explain = Explain {
            key: None,
            model: "gpt-4o-mini".to_owned(),
            user: None,
            needs_usd: None,
            tokens_in: 1_000,
            tokens_out: None,
        };
        for (limit, tokens_out) in [("100", 16_384), ("0.01", 4_096)] {
            let limit = PicoUsd::from_usd(limit).unwrap();
            let needed = bound(&explain, &world, Some(limit)).unwrap();
            // 0.15 USD in and 0.60 out, for a million tokens at the standard tier.
            assert_eq!(needed.pico(), 1_000 * 150_000 + tokens_out * 600_000);
        }
    }
}
