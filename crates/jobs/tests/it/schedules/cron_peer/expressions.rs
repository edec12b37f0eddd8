/// One expression, in our words and in croniter's.
#[derive(Debug, Clone, Copy)]
pub(super) struct Expression {
    pub(super) ours: &'static str,
    pub(super) theirs: &'static str,
}

const fn same(text: &'static str) -> Expression {
    Expression { ours: text, theirs: text }
}

impl Expression {
    /// Its field for hours.
    pub(super) fn hour(self) -> &'static str {
        let fields: Vec<&str> = self.theirs.split(' ').collect();
        match fields[..] {
            [_, hour, _, _, _] | [_, _, hour, _, _, _] => hour,
            ["@hourly"] => "*",
            _ => "0",
        }
    }
}

/// Compared over all the years.
pub(super) const WHOLE_YEARS: &[Expression] = &[
    same("30 2 * * *"),
    same("0 0 * * TUE,FRI"),
    same("5 4 * * SUN"),
    same("0 12 * * 7"),
    same("30 1 * * 0"),
    same("10 0 ? * WED,SAT"),
    same("0 0 1 * *"),
    same("30 2 1,15 * *"),
    same("59 23 L * *"),
    same("0 0 31 * *"),
    same("0 0 30 */2 *"),
    same("0 0 1 */3 *"),
    same("0 0 29 2 *"),
    same("0 17 L 12 *"),
    same("20 4 10-20/5 * *"),
    same("30 1 */10 * *"),
    same("0 0 1 JAN,JUL *"),
    same("15 2 8-14 3 *"),
    same("0 2 * MAR,OCT SUN"),
    // both days restricted: either will do
    same("0 0 13 * FRI"),
    same("0 0 29 2 MON"),
    same("45 3 1-7 * TUE-THU"),
    // one of them begins with a star: both must fit
    same("0 0 */2 * MON"),
    same("0 0 1-7 * */7"),
    same("0 6 * * MON#2"),
    same("30 2 * * SUN#1"),
    Expression { ours: "0 6 * * 5L", theirs: "0 6 * * L5" },
    same("0 9 15W * *"),
    same("30 3 1W * *"),
    same("@yearly"),
    same("@monthly"),
    same("@weekly"),
];

/// Compared around the changes of clocks.
pub(super) const AROUND_CHANGES: &[Expression] = &[
    same("*/10 * * * *"),
    same("*/15 * * * *"),
    same("0 * * * *"),
    same("30 * * * *"),
    same("@hourly"),
    same("0 0 * * *"),
    same("@daily"),
    same("59 23 * * *"),
    same("45 1 * * *"),
    same("15 2 * * *"),
    same("0 2,3 * * *"),
    same("*/10 2 * * *"),
    same("*/20 1-3 * * *"),
    same("0,30 0-4 * * *"),
    same("15 0-23 * * *"),
    same("10 */2 * * *"),
    same("5 */3 * * *"),
    same("0 */7 1-2 * * *"),
    same("30 */20 * * * *"),
];
