//! Several nodes on one Postgres: the same viewers on one and on three, taking turns.

use std::time::{Duration, Instant};

use super::BenchError;
use super::crowd::Greeting;
use super::crowd::viewers::Viewers;
use super::process::{BenchProcess, allow_sockets};
use super::report::{Report, count, millis, percentile, ratio};
use super::world::BenchWorld;
use crate::config::{Config, DatabaseConfig};
use crate::store::yardstick::StagedEvent;
use crate::ticketing::Revision;

const NODES: usize = 3;
const WARM_UP_ROUNDS: usize = 5;
/// How often one node and three take turns, and rounds of each in a turn.
const TURNS: usize = 8;
const ROUNDS: usize = 20;

pub(super) fn run(viewers: &[usize], database: &DatabaseConfig) -> Result<Vec<Report>, BenchError> {
    allow_sockets(viewers.iter().copied().max().unwrap_or_default())?;
    BenchWorld::audited(database, 0, |world| {
        let measured = |&viewers: &usize| Ok(measure(world, viewers)?.printed());
        viewers.iter().map(measured).collect()
    })
}

fn measure(world: &BenchWorld, viewers: usize) -> Result<Report, BenchError> {
    let mut one = Cluster::start(world, 1, viewers)?;
    let mut three = Cluster::start(world, NODES, viewers)?;
    let (mut alone, mut together) = (Vec::new(), Vec::new());
    one.rounds(&mut Vec::new(), WARM_UP_ROUNDS)?;
    three.rounds(&mut Vec::new(), WARM_UP_ROUNDS)?;
    for _ in 0..TURNS {
        one.rounds(&mut alone, ROUNDS)?;
        three.rounds(&mut together, ROUNDS)?;
    }
    let mut report = Report::new(format!(
        "{} viewers of one event on {NODES} nodes, on one Postgres and one machine. Floor: as many on \
         one node.",
        count(viewers as f64)
    ));
    for (name, percent) in [
        ("commit → last viewer of all nodes, p50", 50),
        ("commit → last viewer of all nodes, p99", 99),
    ] {
        let (ours, floor) = (
            percentile(&mut together, percent),
            percentile(&mut alone, percent),
        );
        let ratio = ratio(ours, floor);
        report.compared(name, (millis(ours), millis(floor)), ratio, None);
    }
    Ok(report)
}

/// Nodes with an event of their own, and viewers in equal parts.
struct Cluster<'a> {
    world: &'a BenchWorld,
    stage: StagedEvent,
    revision: Revision,
    /// Viewers first: they would miss their node.
    nodes: Vec<(Viewers, BenchProcess)>,
}

impl Cluster<'_> {
    fn start(world: &BenchWorld, nodes: usize, viewers: usize) -> Result<Cluster<'_>, BenchError> {
        let stage = world.runtime.block_on(world.store.set_stage())?;
        let node = |n| {
            let (process, address) = world.server()?;
            // The first ones take what does not divide.
            let share = viewers / nodes + usize::from(n < viewers % nodes);
            let viewers = Viewers::open(address, share, Greeting::Join(vec![stage.event]))?;
            Ok((viewers, process))
        };
        let nodes = (0..nodes).map(node).collect::<Result<_, BenchError>>()?;
        Ok(Cluster {
            world,
            revision: stage.revision,
            stage,
            nodes,
        })
    }

    /// Each round changes the event and waits for the last viewer, then for the end of the window,
    /// so that conflation delays no change.
    fn rounds(&mut self, lasts: &mut Vec<Duration>, rounds: usize) -> Result<(), BenchError> {
        let window = Duration::from_millis(Config::default().feed.conflation_window_ms);
        for _ in 0..rounds {
            self.revision += 1;
            for (viewers, _) in &mut self.nodes {
                viewers.expect(self.revision)?;
            }
            let begun = Instant::now();
            let change = self.world.store.change(&self.stage, 1);
            self.world.runtime.block_on(change)?;
            let mut last = Duration::ZERO;
            for (viewers, _) in &self.nodes {
                last = last.max(viewers.arrival()?.duration_since(begun));
            }
            lasts.push(last);
            std::thread::sleep((window * 2).saturating_sub(begun.elapsed()));
        }
        Ok(())
    }
}
