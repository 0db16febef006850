//! The CA as one of the certificates that are looked at: when it ends, everything that it signed ends.

use lab::{
    Failure,
    certificate::{CertificateFacts, CertificateReading},
};

use super::Shelf;
use crate::{
    find::Look,
    read::{self, Anchors, Certificate, chain_broken},
};

const ROOT_NOTE: &str = "a new root has to be made and imported by hand";

impl Shelf {
    /// Its name, why it does not answer, and its own certificates.
    pub(super) async fn look_at_ca(&self, look: &Look) -> (String, Option<Failure>, Vec<CertificateReading>) {
        match &self.step {
            None => self.look_at_lab(look),
            Some(Err(failure)) => ("step-ca".to_owned(), Some(failure.clone()), Vec::new()),
            Some(Ok(step)) => {
                let answered = step.health().await;
                let failure = answered.as_ref().err().cloned();
                let mut list = Vec::new();
                if let Some(root) = step.root_der().and_then(|der| read::certificate(&der).ok()) {
                    list.push(reading("step-ca root", "root", step.place(), root.facts.clone(), look));
                    if let Some(facts) = step.intermediate().and_then(|der| intermediate(&der, &root, look)) {
                        list.push(reading("step-ca", "intermediate", step.place(), facts, look));
                    }
                }
                (step.name(), failure, list)
            }
        }
    }

    fn look_at_lab(&self, look: &Look) -> (String, Option<Failure>, Vec<CertificateReading>) {
        let name = "lab CA".to_owned();
        if !crate::LabCa::exists(&self.config.folder) {
            return (name, None, Vec::new());
        }
        let ca = match self.lab(false) {
            Ok(ca) => ca,
            Err(failure) => return (name, Some(failure), Vec::new()),
        };
        let place = self.config.folder.display().to_string();
        let mut list = Vec::new();
        if let Some(facts) = intermediate(&ca.intermediate().der, ca.root(), look) {
            // This program renews it when it is due.
            let own = reading("lab CA", "intermediate", place.clone(), facts, look);
            list.push(CertificateReading { ours: true, note: None, ..own });
        }
        list.push(reading("lab CA root", "root", place, ca.root().facts.clone(), look));
        (name, None, list)
    }
}

fn intermediate(der: &[u8], root: &Certificate, look: &Look) -> Option<CertificateFacts> {
    let one = read::certificate(der).ok()?;
    let chain = chain_broken(&one, &[], Anchors::These(std::slice::from_ref(&root.der)), look.now_us);
    Some(CertificateFacts { chain, ..one.facts })
}

fn reading(
    name: &str,
    used_by: &str,
    place: String,
    facts: CertificateFacts,
    look: &Look,
) -> CertificateReading {
    CertificateReading {
        name: name.to_owned(),
        used_by: used_by.to_owned(),
        place,
        facts: Some(facts),
        note: Some(ROOT_NOTE.to_owned()).filter(|_| used_by == "root"),
        looked_us: look.now_us,
        ..CertificateReading::default()
    }
}
