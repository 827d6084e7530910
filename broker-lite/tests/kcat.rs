//! kcat (librdkafka) against the server: what people try first has to work with a client that is not ours.
//!
//! Without kcat on the machine these tests say so and pass.

#![expect(clippy::unwrap_used, reason = "helpers of tests end a test, too")]

mod support;

use support::{is_kcat_there, kcat, kcat_with_input, ServerProcess};

/// Runs a test against a fresh server, unless there is no kcat.
fn with_server(check: impl Fn(&ServerProcess)) {
    if is_kcat_there() {
        check(&ServerProcess::start(&[]));
    }
}

#[test]
fn lists_brokers_and_topics() {
    with_server(|server| {
        kcat_with_input(server, &["-P", "-t", "orders"], "a\n");
        let listing = kcat(server, &["-L"]);
        assert!(listing.contains(&format!("broker 1 at {} (controller)", server.address)), "{listing}");
        assert!(listing.contains("topic \"orders\" with 1 partitions"), "{listing}");
        assert!(listing.contains("partition 0, leader 1, replicas: 1, isrs: 1"), "{listing}");
    });
}

#[rstest::rstest]
#[case(&[])]
#[case(&["-z", "gzip"])]
#[case(&["-z", "snappy"])]
#[case(&["-z", "lz4"])]
#[case(&["-z", "zstd"])]
#[case(&["-X", "enable.idempotence=true"])]
#[case(&["-X", "acks=1"])]
fn what_is_produced_is_consumed(#[case] options: &[&str]) {
    with_server(|server| {
        let lines: Vec<String> =
            (0..500).map(|number| format!("key{number}:value {number} {}", "x".repeat(50))).collect();
        let input = lines.join("\n") + "\n";
        kcat_with_input(server, &[&["-P", "-t", "orders", "-K", ":"], options].concat(), &input);
        let output = kcat(server, &["-C", "-t", "orders", "-e", "-q", "-K", ":"]);
        assert_eq!(output, input);
        assert_eq!(
            kcat(server, &["-C", "-t", "orders", "-o", "-2", "-e", "-q", "-f", "%o %k\n"]),
            "498 key498\n499 key499\n"
        );
    });
}

#[test]
fn produces_without_acks() {
    with_server(|server| {
        kcat_with_input(server, &["-P", "-t", "orders", "-X", "acks=0"], "a\nb\n");
        let output = kcat(server, &["-C", "-t", "orders", "-o", "beginning", "-c", "2", "-q"]);
        assert_eq!(output, "a\nb\n");
    });
}

#[test]
fn keeps_headers_keys_nulls_and_timestamps() {
    with_server(|server| {
        kcat_with_input(server, &["-P", "-t", "orders", "-k", "k", "-H", "a=1", "-H", "a=2", "-H", "b=3"], "v\n");
        kcat_with_input(server, &["-P", "-t", "orders", "-K", ":", "-Z"], "gone:\n");
        let output = kcat(server, &["-C", "-t", "orders", "-e", "-q", "-f", "%o %k %S %h\n"]);
        assert_eq!(output, "0 k 1 a=1,a=2,b=3\n1 gone -1 \n");
    });
}

#[test]
fn offsets_are_queried_by_time() {
    with_server(|server| {
        kcat_with_input(server, &["-P", "-t", "orders"], "a\nb\n");
        assert_eq!(kcat(server, &["-Q", "-t", "orders:0:-1"]), "orders [0] offset 2\n");
        assert_eq!(kcat(server, &["-Q", "-t", "orders:0:-2"]), "orders [0] offset 0\n");
        assert_eq!(kcat(server, &["-Q", "-t", "orders:0:1"]), "orders [0] offset 0\n");
        assert_eq!(kcat(server, &["-Q", "-t", "orders:0:9999999999999"]), "orders [0] offset -1\n");
        assert_eq!(kcat(server, &["-C", "-t", "orders", "-p", "0", "-o", "1", "-c", "1", "-q"]), "b\n");
        assert_eq!(kcat(server, &["-C", "-t", "orders", "-o", "s@1", "-o", "e@9999999999999", "-e", "-q"]), "a\nb\n");
    });
}

#[test]
fn a_topic_that_does_not_exist_is_said_to_be_unknown() {
    if !is_kcat_there() {
        return;
    }
    let server = ServerProcess::start(&["--no-auto-create-topics"]);
    let listing = kcat(&server, &["-L", "-t", "missing"]);
    assert!(listing.contains("topic \"missing\" with 0 partitions: Broker: Unknown topic or partition"), "{listing}");
    let queried = support::try_kcat(&server, &["-Q", "-t", "missing:0:-1"], "");
    assert_eq!(queried.code, Some(1));
    assert!(queried.stderr.contains("Local: Unknown partition"), "{}", queried.stderr);
    assert!(!kcat(&server, &["-L"]).contains("missing"), "asking made no topic");
}

#[test]
fn large_messages_pass_and_too_large_ones_do_not() {
    with_server(|server| {
        let large = "x".repeat(900_000);
        kcat_with_input(server, &["-P", "-t", "orders"], &format!("{large}\n"));
        assert_eq!(kcat(server, &["-C", "-t", "orders", "-e", "-q", "-f", "%S\n"]), "900000\n");
        let options = ["-P", "-t", "orders", "-X", "message.max.bytes=3000000"];
        let refused = support::try_kcat(server, &options, &format!("{}\n", "x".repeat(1_500_000)));
        assert!(refused.stderr.contains("Message size too large"), "{}", refused.stderr);
    });
}

#[test]
fn a_consumer_that_reads_committed_reads_everything() {
    with_server(|server| {
        kcat_with_input(server, &["-P", "-t", "orders"], "a\n");
        let output = kcat(server, &["-C", "-t", "orders", "-e", "-q", "-X", "isolation.level=read_committed"]);
        assert_eq!(output, "a\n");
    });
}

#[test]
fn records_outlive_the_server() {
    if !is_kcat_there() {
        return;
    }
    let mut server = ServerProcess::start(&[]);
    kcat_with_input(&server, &["-P", "-t", "orders"], "a\nb\n");
    server.kill_and_restart();
    kcat_with_input(&server, &["-P", "-t", "orders"], "c\n");
    assert_eq!(kcat(&server, &["-C", "-t", "orders", "-e", "-q", "-f", "%o %s\n"]), "0 a\n1 b\n2 c\n");
}
