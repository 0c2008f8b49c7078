package org.smsline.companion;

import static org.junit.Assert.assertEquals;
import static org.junit.Assert.assertThrows;
import static org.junit.Assert.assertTrue;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.json.JSONArray;
import org.json.JSONException;
import org.json.JSONObject;
import org.junit.Test;
import org.junit.runner.RunWith;
import org.robolectric.RobolectricTestRunner;
import org.robolectric.annotation.Config;

@RunWith(RobolectricTestRunner.class)
@Config(sdk = 34)
public class FramesTest {
    @Test public void everyMessageOfTheGatewayIsReadWithAllItsMembers() throws Exception {
        int read = 0;
        for (JSONObject vector : Vectors.of("valid")) {
            if (vector.getString("from").equals("gateway")) {
                JSONObject frame = vector.getJSONObject("frame");
                Object parsed = Frames.parse(frame.toString());
                if (parsed instanceof Frames.Job job) {
                    assertEquals(frame.getString("job"), job.job());
                    assertEquals(frame.getInt("sub"), job.sub());
                    assertEquals(frame.getString("to"), job.to());
                    assertEquals(frame.getBoolean("report"), job.report());
                    assertEquals(texts(frame.optJSONArray("parts")), job.parts());
                    assertEquals(frame.optInt("port"), job.port());
                } else if (parsed instanceof Frames.Welcome welcome) {
                    assertEquals(frame.getString("gateway"), welcome.gateway());
                    assertEquals(frame.getString("name"), welcome.name());
                    assertEquals(texts(frame.getJSONArray("urls")), welcome.urls());
                    assertEquals(frame.optString("pin"), welcome.pin());
                } else if (parsed instanceof Frames.Bye bye) {
                    assertEquals(frame.getString("code") + frame.getString("hint"), bye.code() + bye.hint());
                } else if (parsed instanceof Frames.Committed committed) {
                    assertEquals(frame.getJSONArray("events").length(), committed.events().size());
                    assertEquals(frame.getJSONArray("events").getLong(0), (long) committed.events().get(0));
                } else if (parsed instanceof Frames.Ask ask) {
                    assertEquals(texts(frame.getJSONArray("jobs")), ask.jobs());
                }
                read++;
            }
        }
        assertTrue("only " + read + " vectors", read > 10);
    }

    @Test public void whatTheContractDoesNotAllowFromAGatewayIsMalformed() throws Exception {
        int refused = 0;
        for (JSONObject vector : Vectors.of("malformed")) {
            if (vector.getString("from").equals("gateway")) {
                assertThrows(vector.getString("name"), Frames.Malformed.class, () -> Frames.parse(vector.getString("text")));
                refused++;
            }
        }
        assertTrue("only " + refused + " vectors", refused > 10);
    }

    @Test public void whatTheAppSaysIsWhatTheContractShows() throws Exception {
        int built = 0;
        for (JSONObject vector : Vectors.of("valid")) {
            JSONObject frame = vector.getJSONObject("frame");
            if (vector.getString("from").equals("phone") && !vector.getString("name").contains("does not know")) {
                assertEquals(vector.getString("name"), canonical(frame), canonical(rebuilt(frame)));
                built++;
            }
        }
        assertTrue("only " + built + " vectors", built > 20);
    }

    private static JSONObject rebuilt(JSONObject frame) throws Exception {
        switch (frame.getString("t")) {
            case "hello": return Frames.hello(new Frames.Hello(frame.getString("install"), frame.getString("run"), frame.getJSONObject("app"),
                frame.getJSONObject("phone"), sims(frame), frame.getJSONObject("health")), frame.getString("way"), frame.getLong("now_ms"));
            case "taken": return Frames.taken(frame.getString("job"));
            case "refused": return Frames.refused(frame.getString("job"), frame.getString("code"), frame.getString("detail"));
            case "sims": return Frames.simsChanged(sims(frame));
            case "health": return Frames.health(frame.getJSONObject("health"));
            case "answer": return frame.getBoolean("ok") ? Frames.answer(frame.getLong("re"), frame.getString("text"))
                : Frames.answer(frame.getLong("re"), frame.getString("code"), frame.getString("detail"));
            case "jobs": return jobs(frame);
            default: return Frames.event(new Journal.Event(frame.getLong("id"), event(frame).toString()));
        }
    }

    private static JSONObject event(JSONObject frame) throws Exception {
        long at = frame.getLong("at_ms");
        String job = frame.optString("job");
        switch (frame.getString("kind")) {
            case "sent": return Events.sent(job, frame.getInt("part"), frame.getInt("result"), frame.isNull("error") ? null : frame.getInt("error"),
                frame.getBoolean("no_default"), at);
            case "report": return Events.report(job, frame.getInt("part"), frame.getInt("sub"), frame.getString("pdu"), frame.getString("format"), at);
            case "failed": return Events.failed(job, frame.getString("code"), frame.getString("detail"), at);
            case "inbound": return Events.inbound(frame.getInt("sub"), texts(frame.getJSONArray("pdus")), frame.getString("format"), at);
            case "text": return Events.text(frame.getInt("sub"), frame.getString("from"), frame.getString("text"), frame.optLong("sent_at_ms"),
                frame.getLong("row"), at);
            default: return Events.mms(frame.getInt("sub"), java.util.Base64.getDecoder().decode(frame.getString("pdu")), at);
        }
    }

    private static JSONObject jobs(JSONObject frame) throws Exception {
        Map<String, Journal.JobState> states = new LinkedHashMap<>();
        for (Iterator<String> names = frame.getJSONObject("jobs").keys(); names.hasNext();) {
            String job = names.next();
            JSONObject state = frame.getJSONObject("jobs").getJSONObject(job);
            states.put(job, new Journal.JobState(state.getString("state"), state.optLong("called_at_ms")));
        }
        return Frames.jobs(frame.getLong("re"), states);
    }

    private static List<Sim> sims(JSONObject frame) throws Exception {
        List<Sim> sims = new ArrayList<>();
        for (int i = 0; i < frame.getJSONArray("sims").length(); i++) {
            JSONObject sim = frame.getJSONArray("sims").getJSONObject(i);
            sims.add(new Sim(sim.getInt("sub"), sim.getInt("slot"), text(sim, "iccid"), text(sim, "number"), text(sim, "name"), text(sim, "operator"),
                text(sim, "mccmnc"), sim.getString("state"), sim.isNull("roaming") ? null : sim.getBoolean("roaming"),
                sim.isNull("signal_dbm") ? null : sim.getInt("signal_dbm"), sim.isNull("registered") ? null : sim.getBoolean("registered")));
        }
        return sims;
    }

    private static String text(JSONObject from, String name) throws JSONException {
        return from.isNull(name) ? null : from.getString(name);
    }

    private static List<String> texts(JSONArray array) throws JSONException {
        List<String> texts = new ArrayList<>();
        for (int i = 0; array != null && i < array.length(); i++) {
            texts.add(array.getString(i));
        }
        return texts;
    }

    /** Members in one order, whole numbers alike whatever their Java type. */
    private static String canonical(Object value) throws JSONException {
        if (value instanceof JSONObject object) {
            Map<String, String> members = new TreeMap<>();
            for (Iterator<String> names = object.keys(); names.hasNext();) {
                String name = names.next();
                members.put(name, canonical(object.get(name)));
            }
            return members.toString();
        }
        if (value instanceof JSONArray array) {
            List<String> items = new ArrayList<>();
            for (int i = 0; i < array.length(); i++) {
                items.add(canonical(array.get(i)));
            }
            return items.toString();
        }
        return String.valueOf(value);
    }
}
