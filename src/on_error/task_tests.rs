use super::*;

#[test]
fn the_wall_clock_is_held_against_the_steady_one() {
    for by_ms in [3_600_000, -3_600_000, 2_500, -2_500] {
        let mut clocks = Clocks::start();
        let jumped = clocks.wall.plus_ms(by_ms);
        let seen = clocks.turn(jumped);
        // What passes between two lines of a test is no second.
        let off = seen.map(|jump| (jump.at, (jump.by_ms - by_ms).abs() < 500));
        assert_eq!(off, Some((jumped, true)), "{seen:?}");
        assert_eq!(clocks.turn(jumped), None, "told once");
    }
    let mut clocks = Clocks::start();
    let now = clocks.wall.plus_ms(1_000);
    assert_eq!(clocks.turn(now), None, "a slow turn is no jump");
}
