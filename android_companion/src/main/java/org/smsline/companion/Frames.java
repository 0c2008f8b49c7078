package org.smsline.companion;

import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import java.util.Map;
import org.json.JSONArray;
import org.json.JSONException;
import org.json.JSONObject;

/** The messages of docs/link.md, version 1: those of the gateway read strictly into records, those of the app built. */
final class Frames {
    static final int VERSION = 1;
    /** Octets; docs/link.md. */
    static final int MAX_BYTES = 1 << 20;

    /** A message that is none of docs/link.md: the app closes the connection. */
    static final class Malformed extends Exception {
        Malformed(String why) {
            super(why);
        }
    }

    record Welcome(String gateway, String name, List<String> urls, String pin) {
    }

    record Bye(String code, String title, String hint) {
    }

    /** {@code parts} is empty when {@code octets} go to {@code port}. */
    record Job(String job, int sub, String to, List<String> parts, byte[] octets, int port, boolean report) {
    }

    record Committed(List<Long> events) {
    }

    record Ask(long re, List<String> jobs) {
    }

    record UssdCall(long re, int sub, String code) {
    }

    record MmsJob(long re, String job, int sub, byte[] pdu) {
    }

    private Frames() {
    }

    /** One of the records above. */
    static Object parse(String text) throws Malformed {
        try {
            JSONObject frame = new JSONObject(text);
            Members in = new Members(frame);
            switch (in.text("t")) {
                case "welcome": return welcome(in);
                case "bye": return new Bye(in.text("code"), in.text("title"), in.text("hint"));
                case "job": return job(in);
                case "committed": return new Committed(in.numbers("events"));
                case "ask": return new Ask(in.number("re"), in.texts("jobs"));
                case "ussd": return new UssdCall(in.number("re"), in.small("sub"), in.text("code"));
                case "mms": return new MmsJob(in.number("re"), in.text("job"), in.small("sub"), in.octets("pdu"));
                default: throw new Malformed("unknown t");
            }
        } catch (JSONException notAnObject) {
            throw new Malformed("not a JSON object");
        }
    }

    private static Welcome welcome(Members in) throws Malformed {
        if (in.number("v") != VERSION) {
            throw new Malformed("v is not 1");
        }
        in.number("now_ms");
        return new Welcome(in.text("gateway"), in.text("name"), in.texts("urls"), in.textOr("pin", ""));
    }

    private static Job job(Members in) throws Malformed {
        boolean toPort = in.has("octets");
        if (toPort == in.has("parts")) {
            throw new Malformed("a job has either parts or octets");
        }
        List<String> parts = toPort ? List.of() : in.texts("parts");
        return new Job(in.text("job"), in.small("sub"), in.text("to"), parts, toPort ? in.octets("octets") : null,
            toPort ? in.small("port") : 0, in.flag("report"));
    }

    static JSONObject hello(Hello hello, String way, long nowMs) {
        return Events.body("t", "hello", "v", VERSION, "install", hello.install(), "run", hello.run(), "way", way, "now_ms", nowMs,
            "app", hello.app(), "phone", hello.phone(), "sims", sims(hello.sims()), "health", hello.health());
    }

    static JSONObject taken(String job) {
        return Events.body("t", "taken", "job", job);
    }

    static JSONObject refused(String job, String code, String detail) {
        return Events.body("t", "refused", "job", job, "code", code, "detail", detail);
    }

    static JSONObject event(Journal.Event event) throws JSONException {
        return new JSONObject(event.body()).put("t", "event").put("id", event.id());
    }

    static JSONObject jobs(long re, Map<String, Journal.JobState> states) {
        JSONObject jobs = new JSONObject();
        try {
            for (Map.Entry<String, Journal.JobState> one : states.entrySet()) {
                JSONObject state = Events.body("state", one.getValue().state());
                if (one.getValue().calledAtMs() > 0) {
                    state.put("called_at_ms", one.getValue().calledAtMs());
                }
                jobs.put(one.getKey(), state);
            }
        } catch (JSONException onlyForNaN) {
            throw new IllegalStateException(onlyForNaN);
        }
        return Events.body("t", "jobs", "re", re, "jobs", jobs);
    }

    static JSONObject answer(long re, String text) {
        return Events.body("t", "answer", "re", re, "ok", true, "text", text);
    }

    static JSONObject answer(long re, String code, String detail) {
        return Events.body("t", "answer", "re", re, "ok", false, "code", code, "detail", detail);
    }

    static JSONObject simsChanged(List<Sim> sims) {
        return Events.body("t", "sims", "sims", sims(sims));
    }

    static JSONObject health(JSONObject health) {
        return Events.body("t", "health", "health", health);
    }

    private static JSONArray sims(List<Sim> sims) {
        JSONArray array = new JSONArray();
        sims.forEach(sim -> array.put(sim.json()));
        return array;
    }

    /** Who is calling: the parts of a hello that belong to the phone, not to the connection. */
    record Hello(String install, String run, JSONObject app, JSONObject phone, List<Sim> sims, JSONObject health) {
    }

    /** Strict reading of members: org.json would turn 3 into "3" and "3" into 3. */
    private record Members(JSONObject from) {
        boolean has(String name) {
            return from.has(name);
        }

        String text(String name) throws Malformed {
            if (!(from.opt(name) instanceof String text)) {
                throw new Malformed(name + " is not a text");
            }
            return text;
        }

        String textOr(String name, String otherwise) {
            return from.opt(name) instanceof String text ? text : otherwise;
        }

        boolean flag(String name) throws Malformed {
            if (!(from.opt(name) instanceof Boolean flag)) {
                throw new Malformed(name + " is not a boolean");
            }
            return flag;
        }

        long number(String name) throws Malformed {
            return whole(from.opt(name), name);
        }

        int small(String name) throws Malformed {
            long number = number(name);
            if (number != (int) number) {
                throw new Malformed(name + " is out of range");
            }
            return (int) number;
        }

        byte[] octets(String name) throws Malformed {
            try {
                return Base64.getDecoder().decode(text(name));
            } catch (IllegalArgumentException notBase64) {
                throw new Malformed(name + " is not Base64");
            }
        }

        List<String> texts(String name) throws Malformed {
            JSONArray array = array(name);
            List<String> texts = new ArrayList<>();
            for (int i = 0; i < array.length(); i++) {
                if (!(array.opt(i) instanceof String text)) {
                    throw new Malformed(name + " holds something that is not a text");
                }
                texts.add(text);
            }
            return texts;
        }

        List<Long> numbers(String name) throws Malformed {
            JSONArray array = array(name);
            List<Long> numbers = new ArrayList<>();
            for (int i = 0; i < array.length(); i++) {
                numbers.add(whole(array.opt(i), name));
            }
            return numbers;
        }

        private JSONArray array(String name) throws Malformed {
            if (!(from.opt(name) instanceof JSONArray array)) {
                throw new Malformed(name + " is not a list");
            }
            return array;
        }

        private static long whole(Object value, String name) throws Malformed {
            if (value instanceof Integer || value instanceof Long) {
                return ((Number) value).longValue();
            }
            throw new Malformed(name + " is not a whole number");
        }
    }
}
