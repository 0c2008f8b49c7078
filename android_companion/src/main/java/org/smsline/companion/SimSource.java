package org.smsline.companion;

import java.util.List;

/** Where the SIMs come from: the platform's subscriptions in the app, a list in a test of something else. */
interface SimSource {
    /** The SIMs in the phone now, by slot; empty when there are none or the permission to see them is missing. */
    List<Sim> sims();

    /** Calls {@code changed} whenever a SIM comes, goes, or changes in a way that the wire tells. Any thread. */
    void listen(Runnable changed);
}
