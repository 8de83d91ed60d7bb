"""Problems that everybody can be judged on, and public sets of their test images."""
