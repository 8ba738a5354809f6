//! Mistakes made on purpose, to see that the simulation catches them. There are none in a real build.

/// Whether this mistake is to be made here: a constant `false`, but in the tests of the crate.
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
