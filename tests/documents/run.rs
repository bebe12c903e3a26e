//! Runs the commands of a section, one after the other; those that listen go on beside the others.

use std::collections::BTreeSet;
use std::fmt::Display;
use std::path::PathBuf;

use rustix::process::Signal;

use crate::machine::{Job, Machine};
use crate::page::{Block, Kind, Section, Step};
use crate::servers::commands_of;
use crate::shell::{is_listener, is_server};
use crate::shown::compare;

/// The pin and the port that stand on the pages for those that are printed.
const PIN: &str = "sha256//cCIyT8EGaw1rNK1E3+ZvYel7JHWTr2SURY3nfvSNmi4=";
const PORT: &str = "40371";

/// What every listener prints when it is ready.
const READY: &str = "istening on ";

/// The status of a shell whose server was stopped.
const STOPPED: i32 = 128 + Signal::TERM.as_raw();

/// A listener that goes on.
struct Beside {
    job: Job,
    place: String,
    code: String,
    /// Whether it has to be stopped.
    is_server: bool,
    status: i32,
    shown: Option<Vec<String>>,
}

/// What a block must have printed at the end of its section.
struct Printed {
    place: String,
    outputs: Vec<PathBuf>,
    texts: Vec<String>,
}

struct Run {
    /// The names of the servers that are there.
    servers: BTreeSet<String>,
    beside: Vec<Beside>,
    /// What has ended, but may have left something behind that goes on.
    kept: Vec<Job>,
    printed: Vec<Printed>,
    pin: String,
    port: String,
    machine: Machine,
}

/// Runs the blocks of a section that are not left out.
pub fn run(section: &Section, leaves_out: impl Fn(&Block) -> bool) {
    let all = section.blocks.iter().filter(|block| block.kind != Kind::Other);
    let blocks: Vec<&Block> = all.filter(|block| !leaves_out(block)).collect();
    if blocks.is_empty() {
        return;
    }
    let machine = Machine::new();
    let (pin, port) = (machine.pin.clone(), String::new());
    let (beside, kept, printed) = (Vec::new(), Vec::new(), Vec::new());
    let mut run = Run { servers: BTreeSet::new(), beside, kept, printed, pin, port, machine };
    for block in &blocks {
        run.block(section, block);
    }
    run.end_all();
    run.printed.iter().for_each(Printed::check);
    for block in blocks {
        for code in &block.marks.then {
            run.prepare("here", code, &format!("{}:{} then", section.page, block.line));
        }
    }
}

impl Run {
    fn block(&mut self, section: &Section, block: &Block) {
        let place = |line: usize| format!("{}:{line}", section.page);
        let side = if block.marks.there { "there" } else { "here" };
        for code in &block.marks.given {
            self.prepare(side, code, &place(block.line));
        }
        for name in &block.marks.with {
            if self.servers.insert(name.clone()) {
                for code in commands_of(name) {
                    let step = Step { line: block.line, code, shown: None };
                    self.listen("servers", step, place(block.line), READY, 0);
                }
            }
        }
        let ready = block.marks.ready.as_deref();
        let steps = grouped(block.steps(), block);
        let last = steps.len().saturating_sub(1);
        let mut outputs = Vec::new();
        for (number, step) in steps.into_iter().enumerate() {
            let status = if number == last { block.marks.status } else { 0 };
            let place = place(step.line);
            outputs.push(if goes_on(&step.code, block) {
                self.listen(side, step, place, ready.unwrap_or(READY), status)
            } else {
                self.wait(side, &step, &place, status)
            });
            if block.kind == Kind::Row {
                self.stop_listeners();
            }
        }
        for code in &block.marks.until {
            self.prepare(side, code, &place(block.line));
        }
        self.printed.push(Printed { place: place(block.line), outputs, texts: block.marks.prints.clone() });
    }

    /// Starts what goes on, and waits until it is ready. Returns where its output is.
    fn listen(&mut self, side: &str, step: Step, place: String, ready: &str, status: i32) -> PathBuf {
        let code = self.filled_in(&step.code);
        let job = self.machine.start(side, &format!("set -o pipefail\n{code}"));
        job.until_printed(ready).unwrap_or_else(|why| fail(&place, &code, &job, why));
        // The key has a line of its own.
        if code.contains(" --tls") && !code.contains(" --cert ") {
            job.until_printed(" --pin ").unwrap_or_else(|why| fail(&place, &code, &job, why));
        }
        let (printed, output) = (job.printed(), job.output.clone());
        if let Some(pin) = printed.split(" --pin ").nth(1).and_then(|rest| rest.split_whitespace().next()) {
            pin.clone_into(&mut self.pin);
        }
        if let Some(address) = printed.split(READY).nth(1).and_then(|rest| rest.lines().next()) {
            address.rsplit(':').next().unwrap_or_default().clone_into(&mut self.port);
        }
        let is_server = side == "servers" || ready != READY || is_server(&code);
        let shown = step.shown.map(|lines| self.all_filled_in(&lines));
        self.beside.push(Beside { job, place, code, is_server, status, shown });
        output
    }

    /// Runs a command to its end. Returns where its output is.
    fn wait(&mut self, side: &str, step: &Step, place: &str, status: i32) -> PathBuf {
        let code = self.filled_in(&step.code);
        // Each command of several, and of a pipeline, must be well.
        let job = self.machine.start(side, &format!("set -eo pipefail\n{code}"));
        let ended = job.wait().unwrap_or_else(|why| fail(place, &code, &job, why));
        if ended != status {
            fail(place, &code, &job, format!("status {ended}, not {status}"));
        }
        let shown = step.shown.as_ref().map(|lines| self.all_filled_in(lines));
        compare(shown.as_deref(), &job.printed()).unwrap_or_else(|why| fail(place, &code, &job, why));
        let output = job.output.clone();
        self.kept.push(job);
        output
    }

    /// Runs what the reader does not see. What it leaves behind ends with the section.
    fn prepare(&mut self, side: &str, code: &str, place: &str) {
        let code = self.filled_in(code);
        let job = self.machine.start(side, &code);
        match job.wait() {
            Ok(0) => self.kept.push(job),
            Ok(status) => fail(place, &code, &job, format!("status {status}, not 0")),
            Err(why) => fail(place, &code, &job, why),
        }
    }

    /// Those for one connection end by themselves; servers are stopped, the last one first.
    fn end_all(&mut self) {
        let (servers, once): (Vec<_>, Vec<_>) = self.beside.drain(..).partition(|beside| beside.is_server);
        once.into_iter().chain(servers.into_iter().rev()).for_each(Beside::end);
    }

    /// Ends the listener of a row of a table, if it is one, which had only to be ready.
    fn stop_listeners(&mut self) {
        if let Some(beside) = self.beside.pop_if(|beside| is_listener(&beside.code)) {
            Beside { is_server: true, ..beside }.end();
        }
    }

    /// A text of the page with the pin and the port that were printed.
    fn filled_in(&self, text: &str) -> String {
        text.replace(PIN, &self.pin).replace(PORT, &self.port)
    }

    fn all_filled_in(&self, lines: &[String]) -> Vec<String> {
        lines.iter().map(|line| self.filled_in(line)).collect()
    }
}

impl Beside {
    fn end(self) {
        let Self { job, place, code, .. } = &self;
        if self.is_server {
            job.signal(Signal::TERM);
        }
        let ended = job.wait().unwrap_or_else(|why| fail(place, code, job, why));
        let was_stopped = self.is_server && ended == STOPPED;
        if ended != self.status && !was_stopped {
            fail(place, code, job, format!("status {ended}, not {}", self.status));
        }
        compare(self.shown.as_deref(), &job.printed()).unwrap_or_else(|why| fail(place, code, job, why));
    }
}

impl Printed {
    fn check(&self) {
        let read = |path: &PathBuf| String::from_utf8_lossy(&std::fs::read(path).unwrap()).into_owned();
        let all: String = self.outputs.iter().map(read).collect();
        let missing = self.texts.iter().find(|text| !all.contains(*text));
        assert!(
            missing.is_none(),
            "{}: it has not printed {:?}\n-- printed:\n{all}",
            self.place,
            missing.unwrap()
        );
    }
}

/// Commands that do not go on are run by one shell until one does, so that they share its variables.
fn grouped(steps: Vec<Step>, block: &Block) -> Vec<Step> {
    let mut grouped: Vec<Step> = Vec::new();
    let mut is_open = false;
    for step in steps {
        let shares = block.kind == Kind::Sh && !goes_on(&step.code, block);
        match grouped.last_mut().filter(|_| is_open && shares) {
            Some(before) => before.code.extend(["\n", &step.code]),
            None => grouped.push(step),
        }
        is_open = shares;
    }
    grouped
}

/// Whether a command goes on beside the others. A listener that waits for no more than a time ends by itself.
fn goes_on(code: &str, block: &Block) -> bool {
    let is_timed = code.contains("--first-client") && block.marks.status == 5;
    block.marks.ready.is_some() || (is_listener(code) && !is_timed)
}

fn fail(place: &str, code: &str, job: &Job, why: impl Display) -> ! {
    panic!("{place}: {why}\n{code}\n-- printed:\n{}", job.printed());
}
