//! Processors in the middle of a stream, with stores and punctuation.

use streams_core::testing::TopologyTestDriver;
use streams_dsl::prelude::*;

/// Sums values per key and forwards all sums at every tick of stream time.
struct Sums {
    sums: KeyValueStore<String, i64>,
    every: PunctuationType,
}

impl Processor<String, i64> for Sums {
    type KOut = String;
    type VOut = i64;

    fn init(&mut self, cx: &mut Context<'_, String, i64>) -> Result<()> {
        cx.schedule(millis(10), self.every);
        Ok(())
    }

    fn process(&mut self, record: Record<'_, String, i64>, _: &mut Context<'_, String, i64>) -> Result<()> {
        let sum = self.sums.get(record.key)?.unwrap_or(0) + record.value;
        self.sums.put(record.key, &sum)
    }

    fn punctuate(&mut self, tick: Punctuation, cx: &mut Context<'_, String, i64>) -> Result<()> {
        let mut sums = self.sums.all();
        while let Some((key, sum)) = sums.next()? {
            cx.forward(Record::new(&key, &sum, tick.timestamp))?;
        }
        Ok(())
    }
}

fn sums(every: PunctuationType) -> Result<TopologyTestDriver> {
    let builder = StreamsBuilder::new();
    let store = builder.add_store(Stores::in_memory_key_value::<String, i64>("sums"));
    assert_eq!(store.name(), "sums");
    builder.stream::<String, i64>("in").process_with(&store, move |sums| Sums { sums, every }).to("out");
    TopologyTestDriver::new(builder.build()?)
}

#[test]
fn stream_time_ticks_with_the_records() -> Result<()> {
    let driver = sums(PunctuationType::StreamTime)?;
    let (input, output) = (driver.input::<String, i64>("in")?, driver.output::<String, i64>("out")?);
    input.pipe_at(Timestamp(5), "b", 1)?;
    output.check("b = 1 @ 5");
    input.pipe_at(Timestamp(8), "a", 2)?;
    output.check("");
    input.pipe_at(Timestamp(35), "a", 3)?;
    output.check("a = 5 @ 35\nb = 1 @ 35");
    assert_eq!(driver.key_value_store::<String, i64>("sums")?.get(&"a".to_owned())?, Some(5));
    Ok(())
}

#[test]
fn the_wall_clock_ticks_by_itself() -> Result<()> {
    let driver = sums(PunctuationType::WallClockTime)?;
    let (input, output) = (driver.input::<String, i64>("in")?, driver.output::<String, i64>("out")?);
    input.pipe_at(Timestamp(500), "a", 2)?;
    output.check("");
    driver.advance_wall_clock_time(millis(9))?;
    output.check("");
    driver.advance_wall_clock_time(millis(1))?;
    output.check("a = 2 @ 10");
    driver.advance_wall_clock_time(millis(35))?;
    output.check("a = 2 @ 45");
    Ok(())
}

/// Moves a value from one store to another.
struct Shift {
    last: KeyValueStore<String, String>,
    before: KeyValueStore<String, String>,
}

impl Processor<String, String> for Shift {
    type KOut = String;
    type VOut = Option<String>;

    fn process(
        &mut self,
        record: Record<'_, String, String>,
        cx: &mut Context<'_, String, Option<String>>,
    ) -> Result<()> {
        if let Some(last) = self.last.get(record.key)? {
            self.before.put(record.key, &last)?;
        }
        self.last.put(record.key, record.value)?;
        let before = self.before.get(record.key)?;
        cx.forward(record.with_value(&before))
    }
}

#[test]
fn a_processor_has_several_stores_and_other_types() -> Result<()> {
    let builder = StreamsBuilder::new();
    let last = builder.add_store(Stores::in_memory_key_value::<String, String>("last"));
    let before = builder.add_store(Stores::in_memory_key_value::<String, String>("before"));
    let stream = builder.stream::<String, String>("in");
    stream.process_with((&last, &before), |(last, before)| Shift { last, before }).named("shift").to("out");
    let topology = builder.build()?;
    let described = topology.describe().to_string();
    assert!(described.contains("Processor: shift (stores: [last, before])"), "{described}");
    let driver = TopologyTestDriver::new(topology)?;
    let input = driver.input::<String, String>("in")?;
    input.pipe_all([("k", "a".to_owned()), ("k", "b".to_owned()), ("j", "c".to_owned())])?;
    driver.output::<String, Option<String>>("out")?.check("k = null @ 0\nk = a @ 0\nj = null @ 0");
    Ok(())
}

struct Refuse;

impl Processor<String, String> for Refuse {
    type KOut = String;
    type VOut = String;

    fn process(&mut self, record: Record<'_, String, String>, _: &mut Context<'_, String, String>) -> Result<()> {
        Err(Error::new(ErrorKind::Processing, format!("no {}", record.value)))
    }
}

#[test]
fn a_failing_processor_names_node_and_position() -> Result<()> {
    let builder = StreamsBuilder::new();
    builder.stream::<String, String>("in").process(|| Refuse).named("refuse").to("out");
    let driver = TopologyTestDriver::new(builder.build()?)?;
    let error = driver.input::<String, String>("in")?.pipe("k", "x".to_owned()).expect_err("it refuses");
    assert_eq!(error.report(), "node refuse of task 0_0 fails at in-0 offset 0: no x");
    Ok(())
}
