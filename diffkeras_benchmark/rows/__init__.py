"""Networks of this package and classical methods on the public benchmark."""

import docs.quiet_tensorflow
