use super::*;

fn vars(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

#[test]
fn presets_have_their_numbers_and_no_contradiction() {
    for preset in Preset::ALL {
        assert_eq!(preset.as_str().parse(), Ok(preset));
        assert_eq!(preset.settings().validate(), [], "{preset:?}");
    }
    assert!("postgres".parse::<Preset>().is_err());
    let ml = Preset::Ml.settings();
    let (retry, breaker) = (ml.retry.unwrap(), ml.breaker.unwrap());
    assert_eq!((ml.attempt_timeout, retry.max_attempts), (Some(Duration::from_secs(300)), 2));
    assert_eq!(retry.backoff.base, Duration::from_secs(5));
    assert_eq!((breaker.consecutive_failures, breaker.open_for), (Some(2), Duration::from_secs(120)));
    assert_eq!(ml.bulkhead.unwrap().max_concurrent, 10);
    // two attempts of 300 s and one wait of 5 s
    assert_eq!(ml.total_timeout, Some(Duration::from_secs(605)));
    // five attempts of 60 s and waits of 1, 2, 4 and 8 s
    assert_eq!(Preset::Api.settings().total_timeout, Some(Duration::from_secs(315)));
}

#[test]
fn every_variable_changes_its_setting() {
    let mut settings = Preset::Default.settings();
    let applied = apply_overrides(
        &mut settings,
        vars(&[
            ("SEAWORTHY_CIRCUIT_BREAKER_FAILURE_THRESHOLD", "9"),
            ("SEAWORTHY_CIRCUIT_BREAKER_RECOVERY_TIMEOUT_SECONDS", "1200.5"),
            ("SEAWORTHY_CIRCUIT_BREAKER_HALF_OPEN_SUCCESS_THRESHOLD", "4"),
            ("SEAWORTHY_RETRY_MAX_ATTEMPTS", "2"),
            ("SEAWORTHY_RETRY_BACKOFF_BASE_SECONDS", "0.05"),
            ("SEAWORTHY_RETRY_MULTIPLIER", "3"),
            ("SEAWORTHY_RETRY_MAX_SECONDS", "7"),
            ("SEAWORTHY_RETRY_USE_JITTER", "false"),
            ("SEAWORTHY_BULKHEAD_DEFAULT_MAX_CONCURRENCY", "33"),
            ("SEAWORTHY_LOG", "debug"),
            ("PATH", "/bin"),
        ]),
    )
    .unwrap();
    assert_eq!(applied.names().count(), 9);
    let (retry, breaker) = (settings.retry.unwrap(), settings.breaker.unwrap());
    assert_eq!((breaker.consecutive_failures, breaker.successes_to_close), (Some(9), 4));
    assert_eq!(breaker.open_for, Duration::from_millis(1_200_500));
    assert_eq!(retry.max_attempts, 2);
    let backoff = Backoff {
        base: Duration::from_millis(50),
        multiplier: 3.0,
        max: Duration::from_secs(7),
        jitter: Jitter::None,
    };
    assert_eq!(retry.backoff, backoff);
    assert_eq!(settings.bulkhead.unwrap().max_concurrent, 33);
}

#[test]
fn everything_wrong_is_reported_at_once_and_nothing_is_changed() {
    let before = Preset::Cache.settings();
    let mut settings = before.clone();
    let errors = apply_overrides(
        &mut settings,
        vars(&[
            ("SEAWORTHY_RETRY_MAX_ATTEMPTS", "0"),
            ("SEAWORTHY_RETRY_MULTIPLIER", "NaN"),
            ("SEAWORTHY_RETRY_MAX_SECONDS", "-1"),
            ("SEAWORTHY_RETRY_USE_JITTER", "maybe"),
            ("SEAWORTHY_CIRCUIT_BREAKER_RECOVERY_SECONDS", "5"),
            ("SEAWORTHY_BULKHEAD_DEFAULT_MAX_CONCURRENCY", "12"),
        ]),
    )
    .unwrap_err();
    let texts: Vec<String> = errors.iter().map(ToString::to_string).collect();
    assert_eq!(
        texts,
        [
            "SEAWORTHY_RETRY_MAX_ATTEMPTS=\"0\" is not a whole number of at least 1",
            "SEAWORTHY_RETRY_MULTIPLIER=\"NaN\" is not a number of at least 1",
            "SEAWORTHY_RETRY_MAX_SECONDS=\"-1\" is not a number of seconds above 0",
            "SEAWORTHY_RETRY_USE_JITTER=\"maybe\" is not true or false",
            "SEAWORTHY_CIRCUIT_BREAKER_RECOVERY_SECONDS is not a variable; did you mean \
             SEAWORTHY_CIRCUIT_BREAKER_RECOVERY_TIMEOUT_SECONDS?",
        ]
    );
    assert_eq!(settings, before);
}

#[test]
fn values_that_are_fine_alone_but_not_together_are_refused() {
    let mut settings = Preset::Cache.settings();
    let errors =
        apply_overrides(&mut settings, vars(&[("SEAWORTHY_RETRY_BACKOFF_BASE_SECONDS", "2")])).unwrap_err();
    assert_eq!(errors[0].to_string(), "with these variables retry.backoff.max: is shorter than backoff.base");
}

#[test]
fn retries_can_be_switched_off() {
    let mut settings = Preset::Api.settings();
    apply_overrides(&mut settings, vars(&[("SEAWORTHY_RETRY_MAX_ATTEMPTS", "1")])).unwrap();
    assert_eq!((settings.budget, settings.validate()), (None, vec![]));
}
