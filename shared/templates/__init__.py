"""Templates: messages that say something else to each device.

A template is read word by word (`reading`, `words`), what it may use of a device is known then (`variables`), and one
engine renders all texts of a message for a page of devices at once (`engine`). `places` knows where in a message texts
stand; `bodies` puts what was rendered between the parts of the body that are the same for all. Pure.
"""
