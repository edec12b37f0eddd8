use crate::algorithm::Algorithm;
use crate::calibration::Calibration;
use crate::guard::{self, Guard};
use crate::model::Model;
use crate::parameters::{Settings, Value};
use crate::threshold::Threshold;
use crate::{Error, Table};

/// A detector that is not fitted yet: which one, its parameters, its seed and its threshold.
#[derive(Debug, Clone)]
pub struct Detector {
    algorithm: &'static Algorithm,
    settings: Settings,
    threshold: Threshold,
}

impl Detector {
    /// The detector of this name with its defaults.
    ///
    /// # Errors
    /// No detector is called so.
    pub fn new(name: &str) -> Result<Self, Error> {
        let algorithm = Algorithm::find(name)?;
        let settings = Settings::defaults(algorithm.parameters);
        Ok(Self { algorithm, settings, threshold: Threshold::default() })
    }

    /// Sets one parameter.
    ///
    /// # Errors
    /// The detector has no such parameter, or it cannot have this value.
    pub fn set(mut self, name: &str, value: impl Into<Value>) -> Result<Self, Error> {
        self.settings.set(self.algorithm, name, value.into())?;
        Ok(self)
    }

    /// What chance begins with; 0 unless set. The same seed gives the same scores to the last bit, on any number of
    /// threads.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.settings.set_seed(seed);
        self
    }

    /// The share of training rows that is taken to be anomalous.
    ///
    /// # Errors
    /// Not in (0, 0.5].
    pub fn contamination(self, rate: f64) -> Result<Self, Error> {
        self.threshold(Threshold::Contamination { rate })
    }

    /// Where normal ends.
    ///
    /// # Errors
    /// A rate out of its range.
    pub fn threshold(mut self, threshold: Threshold) -> Result<Self, Error> {
        threshold.check()?;
        self.threshold = threshold;
        Ok(self)
    }

    /// Which detector it is.
    pub fn algorithm(&self) -> &'static Algorithm {
        self.algorithm
    }

    /// Its parameters and seed.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Learns what is normal from these rows, of which a few may be anomalous.
    ///
    /// # Errors
    /// Fewer than two rows, or data the detector cannot work on.
    pub fn fit(&self, table: &Table) -> Result<Model, Error> {
        if table.rows() < 2 {
            return Err(Error::too_few(self.algorithm.name, 2, table.rows()));
        }
        if table.rows() > u32::MAX as usize / 2 {
            let most = u32::MAX as usize / 2;
            return Err(Error::TooLarge { what: "rows".to_owned(), most, got: table.rows() });
        }
        let guard = Guard::fit(table.view());
        let values = guard.apply(table.view());
        let rows = crate::table::Rows { values: &values, columns: table.columns() };
        let mut fitted = (self.algorithm.fit)(rows, &self.settings)?;
        guard::finite(&mut fitted.scores);
        let calibration = Calibration::new(fitted.scores);
        let cut = self.threshold.cut(&mut calibration.scores().to_vec());
        Ok(Model {
            algorithm: self.algorithm,
            columns: table.columns(),
            names: table.names().map(<[String]>::to_vec),
            guard,
            scorer: fitted.scorer,
            calibration,
            threshold: self.threshold,
            cut,
        })
    }
}
