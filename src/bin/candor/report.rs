//! `audit report`.

use candor::base::error::{Error, Result};

use crate::args::Report;
use crate::{Answer, Context};

pub fn run(_: &Context, args: &Report) -> Result<Answer> {
    Err(Error::usage("report-unknown", "this build knows no reports").at(&args.name))
}
