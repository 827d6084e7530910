//! Days and dates of event time. All times are the shop's own and are taken as UTC; there are no time zones here.
//!
//! Dates are those of the proleptic Gregorian calendar, counted in eras of 400 years that begin on a first of March, so
//! that a leap day is the last day of its year.

use streams_core::Timestamp;

/// Milliseconds of a day.
pub const DAY_MS: i64 = 86_400_000;
const DAYS_PER_ERA: i64 = 146_097;
/// From 0000-03-01 to 1970-01-01.
const EPOCH_DAYS: i64 = 719_468;

/// The day of a time, counted from 1970-01-01.
pub fn day_of(time: Timestamp) -> i64 {
    time.0.div_euclid(DAY_MS)
}

/// A day as `2010-12-01`.
pub fn date(day: i64) -> String {
    let days = day + EPOCH_DAYS;
    let era = days.div_euclid(DAYS_PER_ERA);
    let day_of_era = days.rem_euclid(DAYS_PER_ERA);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * day_of_year + 2) / 153;
    let day_of_month = day_of_year - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    format!("{year:04}-{month:02}-{day_of_month:02}")
}

/// A time as `2010-12-01 08:26:00`.
pub fn date_time(time: Timestamp) -> String {
    let seconds = time.0.rem_euclid(DAY_MS) / 1_000;
    format!("{} {:02}:{:02}:{:02}", date(day_of(time)), seconds / 3_600, seconds / 60 % 60, seconds % 60)
}

/// The time that a text like `2010-12-01 08:26:00` names; none for any other text.
pub fn parse_date_time(text: &str) -> Option<Timestamp> {
    let (date, time) = text.split_once([' ', 'T'])?;
    let [year, month, day] = numbers(date, '-', [4, 2, 2])?;
    let [hour, minute, second] = numbers(time, ':', [2, 2, 2])?;
    if !(1..=12).contains(&month) || !(1..=days_of_month(year, month)).contains(&day) {
        return None;
    }
    if hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let seconds = days_from_civil(year, month, day) * 86_400 + hour * 3_600 + minute * 60 + second;
    Some(Timestamp(seconds * 1_000))
}

/// Three numbers of exactly so many digits.
fn numbers(text: &str, separator: char, digits: [usize; 3]) -> Option<[i64; 3]> {
    let mut parts = text.split(separator);
    let mut found = [0; 3];
    for (number, digits) in found.iter_mut().zip(digits) {
        let part =
            parts.next().filter(|part| part.len() == digits && part.bytes().all(|byte| byte.is_ascii_digit()))?;
        *number = part.parse().ok()?;
    }
    parts.next().is_none().then_some(found)
}

fn days_of_month(year: i64, month: i64) -> i64 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = year - i64::from(month <= 2);
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let from_march = if month > 2 { month - 3 } else { month + 9 };
    let day_of_year = (153 * from_march + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * DAYS_PER_ERA + day_of_era - EPOCH_DAYS
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case("1970-01-01 00:00:00", 0)]
    #[case("2010-12-01 08:26:00", 1_291_191_960_000)]
    #[case("2011-12-09 12:50:00", 1_323_435_000_000)]
    #[case("2012-02-29 23:59:59", 1_330_559_999_000)]
    fn times_are_read_and_written(#[case] text: &str, #[case] milliseconds: i64) {
        assert_eq!(parse_date_time(text), Some(Timestamp(milliseconds)));
        assert_eq!(date_time(Timestamp(milliseconds)), text);
    }

    #[test]
    fn every_day_of_a_leap_cycle_has_its_own_date() {
        for day in -800..146_097 {
            let text = format!("{} 00:00:00", date(day));
            assert_eq!(parse_date_time(&text).map(day_of), Some(day), "{text}");
        }
    }

    #[rstest]
    #[case("")]
    #[case("2010-12-01")]
    #[case("2010-13-01 00:00:00")]
    #[case("2011-02-29 00:00:00")]
    #[case("2010-12-01 24:00:00")]
    #[case("12/1/2010 8:26")]
    #[case("2010-12-01 08:26:00:00")]
    #[case("2010-12-0１ 08:26:00")]
    fn other_texts_are_no_times(#[case] text: &str) {
        assert_eq!(parse_date_time(text), None);
    }
}
