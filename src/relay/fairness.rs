//! For tests: a direction that never has to wait leaves the other one its turns.

use std::future::pending;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt, BufReader, duplex, repeat, sink};
use tokio::time::timeout;

use super::{Plan, relay};
use crate::stream::{Direction, pair};

pub(super) const PLAN: Plan = Plan { half_close: true, leave_with_peer: false, between_peers: true };

/// Sends bytes in one direction, each after the one before has arrived, while the other is at full speed.
async fn talk_against(busy: Direction) {
    let (mut typed, arrives) = duplex(1);
    let (mut leaves, mut shown) = duplex(1);
    let (mut arrives, mut endless, mut sink) = (BufReader::new(arrives), BufReader::new(repeat(7)), sink());
    let relaying = tokio::spawn(async move {
        let traffic = pair(1).0.0.traffic();
        let (endless, quiet) = ((&mut endless, &mut leaves), (&mut arrives, &mut sink));
        match busy {
            Direction::Sent => {
                relay((endless.0, endless.1, pending()), (quiet.0, quiet.1, pending()), PLAN, &traffic).await
            }
            Direction::Received => {
                relay((quiet.0, quiet.1, pending()), (endless.0, endless.1, pending()), PLAN, &traffic).await
            }
        }
    });
    for byte in 0..100 {
        typed.write_all(&[byte]).await.unwrap();
        assert_eq!(shown.read_u8().await.unwrap(), byte);
    }
    relaying.abort();
}

#[tokio::test]
async fn a_direction_at_full_speed_does_not_delay_the_other() {
    for direction in [Direction::Sent, Direction::Received] {
        let talk = timeout(Duration::from_secs(60), talk_against(direction));
        assert!(talk.await.is_ok(), "nothing passes while {direction} is at full speed");
    }
}
