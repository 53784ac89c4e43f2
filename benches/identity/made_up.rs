//! Writes a made-up set for the comparison in `run`: `made_up RECORDS SLIPS SEED PREFIX` makes
//! `PREFIX.csv` and `PREFIX_labels.csv`. `run` compiles it with rustc alone; it needs nothing else.

mod generate;

fn main() -> std::io::Result<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [records, slips, seed, prefix] = &args[..] else {
        println!("usage: made_up RECORDS SLIPS SEED PREFIX");
        return Ok(());
    };
    let number = |text: &str| text.parse::<u64>().map_err(std::io::Error::other);
    let kind = generate::Kind {
        records: number(records)? as usize,
        slips: slips.parse().map_err(std::io::Error::other)?,
        seed: number(seed)?,
    };
    let (set, labels) = generate::generate(&kind);
    std::fs::write(format!("{prefix}.csv"), set)?;
    std::fs::write(format!("{prefix}_labels.csv"), labels)
}
