//! Where the numbers come from: a daemon's `/api/v1/status`, or a replay that goes on between two pictures.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::ask::Asker;
use crate::capture::Captures;
use crate::cli::args::TopArgs;
use crate::cli::rules::{self, Loaded};
use crate::cli::{Failure, replay};
use crate::engine::{Engine, EngineOptions};
use crate::export::summary_json;

/// How long a replay goes on before the next picture.
const SLICE: Duration = Duration::from_millis(200);

pub(super) enum Source {
    Daemon(Box<Asker>),
    Replay(Box<Replay>),
}

pub(super) struct Replay {
    captures: Captures,
    /// `None` at the end.
    engine: Option<Engine>,
    /// The last picture.
    last: Value,
}

impl Source {
    pub(super) fn daemon(args: &TopArgs) -> Result<Self, Failure> {
        Ok(Self::Daemon(Box::new(Asker::new(args)?)))
    }

    pub(super) fn replay(args: &TopArgs) -> Result<Self, Failure> {
        let settings = rules::settings(args.common.flags(), args.common.config.as_deref())?;
        let loaded = Loaded::load(settings)?;
        let filter = loaded.settings.filter.as_deref();
        let captures = Captures::open(&args.captures, filter).map_err(|error| replay::refused(&error))?;
        let options = EngineOptions { threads: loaded.settings.threads.unwrap_or(1), flow_events: false };
        let mut engine = Engine::new(loaded.rules_for(&captures), &loaded.settings.limits, options);
        engine.add_keys(loaded.settings.keys.clone());
        Ok(Self::Replay(Box::new(Replay { captures, engine: Some(engine), last: Value::Null })))
    }

    /// The next picture.
    pub(super) fn next(&mut self) -> Result<Value, Failure> {
        match self {
            Self::Daemon(asker) => asker.ask(),
            Self::Replay(replay) => Ok(replay.go_on(Some(SLICE))),
        }
    }

    /// The last picture there is: now, or at the end of the replay.
    pub(super) fn last(&mut self) -> Result<Value, Failure> {
        match self {
            Self::Daemon(asker) => asker.ask(),
            Self::Replay(replay) => Ok(replay.go_on(None)),
        }
    }
}

impl Replay {
    fn go_on(&mut self, time: Option<Duration>) -> Value {
        let Some(mut engine) = self.engine.take() else { return self.last.clone() };
        let begun = Instant::now();
        let mut frames = 0_u64;
        let mut ended = true;
        while let Some(frame) = self.captures.next_frame() {
            engine.feed(&frame, &mut |_| {});
            replay::unlock(&mut self.captures, &mut engine);
            frames += 1;
            if frames.is_multiple_of(256) && time.is_some_and(|time| begun.elapsed() >= time) {
                ended = false;
                break;
            }
        }
        let (counts, open) = if ended {
            replay::unlock(&mut self.captures, &mut engine);
            (engine.finish(&mut |_| {}).counts, 0)
        } else {
            let snapshot = engine.snapshot(&mut |_| {});
            self.engine = Some(engine);
            (snapshot.counts, snapshot.holdings.flows)
        };
        self.last = json!({ "flows_active": open, "summary": summary_json(&self.captures.summaries(), &counts) });
        self.last.clone()
    }
}
