//! Applications against a broker: the runtime end to end, over both transports.

mod streams {
    mod changes;
    mod chosen;
    mod commits;
    mod end_to_end;
    mod failures;
    mod harness;
    mod inputs;
    mod lifecycle;
    mod logs;
    mod lost_answers;
    mod lost_changelog;
    mod lost_end;
    mod meddler;
    mod origin;
    mod outputs;
    mod pressure;
    mod production;
    mod restore;
    mod timeouts;
}
