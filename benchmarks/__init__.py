"""Commands that measure, judge the measurements, or prepare a release; README.md lists them."""
