//! The stand-in that all tests of money lean on is held to Stripe's own client.

use std::path::Path;

use tokio::process::Command;

/// One test for each of Stripe's ways that the server or its tests lean on.
#[tokio::test]
async fn stripes_own_client_understands_the_stand_in() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let sdk = root.join("target/tools/stripe-sdk/node_modules/stripe");
    assert!(sdk.exists(), "scripts/setup.sh test installs npm's stripe");
    let run = Command::new("node")
        .args(["--test", "tests/stripe/sdk.test.mjs"])
        .current_dir(root)
        .output();
    let run = run.await.expect("Node.js runs");
    let said = String::from_utf8_lossy(&run.stdout);
    assert!(run.status.success(), "{said}");
}
