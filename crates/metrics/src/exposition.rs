//! The text format (OpenMetrics 1.0), read strictly.

use std::collections::{BTreeMap, BTreeSet};

/// One line with a number.
#[derive(Debug, Clone, PartialEq)]
pub struct Sample {
    /// Its name, with the ending that its kind has.
    pub name: String,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// The number.
    pub value: f64,
}

/// A text that is not of the format, and why.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line} ({text:?}): {why}")]
pub struct Malformed {
    /// The line, counted from 1.
    pub line: usize,
    /// What it says.
    pub text: String,
    /// What is wrong with it.
    pub why: &'static str,
}

/// Reads all samples of a text that ends as the format demands. Every sample belongs to the family
/// that was announced before it, with an ending of its type; no family and no series comes twice;
/// the buckets of a histogram only grow and end with all of them.
///
/// # Errors
/// With the first line that is not right.
pub fn parse(text: &str) -> Result<Vec<Sample>, Malformed> {
    let mut reader = Reader::default();
    let mut lines = text.split_inclusive('\n').enumerate();
    for (at, line) in &mut lines {
        let result = match line.strip_suffix('\n') {
            Some("# EOF") => break,
            Some(line) => reader.line(line),
            None => Err("it has no end"),
        };
        result.map_err(|why| Malformed { line: at + 1, text: line.to_owned(), why })?;
    }
    let ended = text.ends_with("# EOF\n") && lines.next().is_none();
    let complete = reader.end_of_histogram().and(if ended {
        Ok(())
    } else {
        Err("there is no # EOF at the end")
    });
    let line = text.lines().count();
    complete.map_err(|why| Malformed { line, text: String::new(), why })?;
    Ok(reader.samples)
}

#[derive(Default)]
struct Reader {
    families: BTreeSet<String>,
    /// The family that the next samples belong to, and its type.
    family: Option<(String, String)>,
    series: BTreeSet<String>,
    /// The labels and the count of the last bucket, and whether it was the last one.
    bucket: Option<(BTreeMap<String, String>, f64, bool)>,
    samples: Vec<Sample>,
}

impl Reader {
    fn line(&mut self, line: &str) -> Result<(), &'static str> {
        if let Some(rest) = line.strip_prefix("# HELP ") {
            let (name, _) = rest.split_once(' ').ok_or("help without a text")?;
            self.end_of_histogram()?;
            self.family = Some((name.to_owned(), String::new()));
            return if self.families.insert(name.to_owned()) && is_name(name) {
                Ok(())
            } else {
                Err("a family that came before, or no name")
            };
        }
        if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (name, kind) = rest.split_once(' ').ok_or("no type")?;
            return match &mut self.family {
                Some((family, unset)) if family == name && unset.is_empty() => {
                    *unset = kind.to_owned();
                    Ok(())
                }
                _ => Err("a type that follows no help"),
            };
        }
        let sample = sample(line)?;
        self.check(&sample)?;
        let series = format!("{} {:?}", sample.name, sample.labels);
        if !self.series.insert(series) {
            return Err("a series that came before");
        }
        self.samples.push(sample);
        Ok(())
    }

    fn check(&mut self, sample: &Sample) -> Result<(), &'static str> {
        let (family, kind) = self.family.as_ref().ok_or("a sample without a family")?;
        let ending =
            sample.name.strip_prefix(family.as_str()).ok_or("a sample of another family")?;
        match (kind.as_str(), ending) {
            ("gauge", "") | ("info", "_info") => self.end_of_histogram(),
            ("counter", "_total") if sample.value >= 0.0 => Ok(()),
            ("histogram", "_bucket") => self.bucket(sample),
            ("histogram", "_sum" | "_count") => Ok(()),
            _ => Err("an ending that its type does not have"),
        }
    }

    fn bucket(&mut self, sample: &Sample) -> Result<(), &'static str> {
        let mut labels = sample.labels.clone();
        let most = labels.remove("le").ok_or("a bucket without an upper end")?;
        if let Some((of, before, false)) = &self.bucket {
            if *of != labels {
                return Err("a histogram whose last bucket is missing");
            }
            if *before > sample.value {
                return Err("a bucket that is smaller than the one before");
            }
        }
        self.bucket = Some((labels, sample.value, most == "+Inf"));
        Ok(())
    }

    const fn end_of_histogram(&self) -> Result<(), &'static str> {
        match self.bucket {
            Some((_, _, false)) => Err("a histogram whose last bucket is missing"),
            _ => Ok(()),
        }
    }
}

fn is_name(text: &str) -> bool {
    let first = text.bytes().next();
    first.is_some_and(|b| b.is_ascii_alphabetic() || b == b'_')
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

fn sample(line: &str) -> Result<Sample, &'static str> {
    let end = line.find(['{', ' ']).ok_or("a name without a value")?;
    let (name, rest) = line.split_at(end);
    if !is_name(name) {
        return Err("a name with characters that names do not have");
    }
    let (labels, rest) = match rest.strip_prefix('{') {
        Some(inner) => labels(inner)?,
        None => (BTreeMap::new(), rest),
    };
    let value = rest.strip_prefix(' ').ok_or("no blank before the value")?;
    let value: f64 = value.parse().map_err(|_| "a value that is no number")?;
    if value.is_nan() {
        return Err("a value that is no number");
    }
    Ok(Sample { name: name.to_owned(), labels, value })
}

/// Reads labels up to the closing brace; what follows it.
fn labels(mut rest: &str) -> Result<(BTreeMap<String, String>, &str), &'static str> {
    let mut labels = BTreeMap::new();
    if let Some(after) = rest.strip_prefix('}') {
        return Ok((labels, after));
    }
    loop {
        let (name, after) = rest.split_once("=\"").ok_or("a label without a value")?;
        if !is_name(name) {
            return Err("a label with characters that names do not have");
        }
        let (value, after) = quoted(after)?;
        if labels.insert(name.to_owned(), value).is_some() {
            return Err("a label that comes twice");
        }
        match after.as_bytes().first() {
            Some(b',') => rest = &after[1..],
            Some(b'}') => return Ok((labels, &after[1..])),
            _ => return Err("labels without an end"),
        }
    }
}

fn quoted(text: &str) -> Result<(String, &str), &'static str> {
    let mut value = String::new();
    let mut chars = text.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return Ok((value, &text[at + 1..])),
            '\\' => match chars.next() {
                Some((_, 'n')) => value.push('\n'),
                Some((_, escaped @ ('"' | '\\'))) => value.push(escaped),
                _ => return Err("an escape that there is not"),
            },
            _ => value.push(c),
        }
    }
    Err("a label's value without an end")
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "# HELP a_b Words.\n# TYPE a_b counter\na_b_total{c=\"d\\\"e\",f=\"\"} 3\n\
                        # HELP g Words.\n# TYPE g gauge\ng -1.5\n# HELP h Words.\n\
                        # TYPE h histogram\nh_sum 2.5\nh_count 2\nh_bucket{le=\"1.0\"} 1\n\
                        h_bucket{le=\"+Inf\"} 2\n# EOF\n";

    #[test]
    fn what_is_right_is_read_and_what_is_not_is_refused() {
        let samples = parse(GOOD).unwrap();
        assert_eq!(samples.len(), 6);
        assert_eq!(samples[0].labels["c"], "d\"e");
        for (from, to, why) in [
            ("# EOF\n", "", "no # EOF"),
            ("# EOF\n", "# EOF", "it has no end"),
            ("# EOF\n", "# EOF\ng 1\n", "no # EOF"),
            ("a_b_total{", "a_b{", "an ending"),
            ("a_b_total{", "a-b_total{", "a name with"),
            ("\"d\\\"e\"", "\"d\"e\"", "labels without an end"),
            ("f=\"\"", "c=\"\"", "comes twice"),
            ("g -1.5", "g x", "no number"),
            ("g -1.5", "g NaN", "no number"),
            ("g -1.5", "g -1.5\ng 2", "came before"),
            ("# HELP g", "# HELP a_b", "came before"),
            ("# TYPE g gauge\n", "", "an ending"),
            ("# TYPE g gauge", "# TYPE x gauge", "follows no help"),
            ("h_bucket{le=\"+Inf\"} 2\n", "", "last bucket is missing"),
            ("{le=\"+Inf\"} 2", "{le=\"+Inf\"} 0", "smaller"),
            ("} 3", "} -3", "an ending"),
        ] {
            let text = GOOD.replacen(from, to, 1);
            assert_ne!(text, GOOD, "{from}");
            let told = parse(&text).expect_err(&text).to_string();
            assert!(told.contains(why), "{from} -> {to}: {told}");
        }
    }
}
