//! Mistakes made on purpose, to see that the simulation catches them. There are none in a real build.

/// Whether to make this mistake here: a constant `false` outside of the crate's own tests.
#[cfg(not(test))]
macro_rules! mistaken {
    ($mistake:ident) => {
        false
    };
}

#[cfg(test)]
macro_rules! mistaken {
    ($mistake:ident) => {
        crate::simulation::mistake::is(crate::simulation::mistake::Mistake::$mistake)
    };
}
