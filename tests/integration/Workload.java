// SPDX-License-Identifier: Apache-2.0
import java.io.IOException;
import java.lang.management.ManagementFactory;

/**
 * What the tests profile; for JDK 8 and later.
 *
 *     Workload [idle|mixed|busy]    mixed if not said
 *
 * idle: every thread sleeps. mixed: one thread burns half a CPU, one sleeps, one allocates. busy: the same, and
 * as many threads as there are CPUs burn without a pause. Prints "ready PID" and runs until it is killed, or
 * until a line is written to it: "exit" calls System.exit(0), "return" ends its threads and main.
 */
public final class Workload {
    private static volatile boolean ending;
    private static volatile long sink;

    private static void burnCpu(long milliseconds) {
        long until = System.nanoTime() + milliseconds * 1000000;
        long x = sink;
        while (System.nanoTime() < until) {
            for (int i = 0; i < 10000; i++)
                x = x * 6364136223846793005L + 1442695040888963407L;
        }
        sink = x;
    }

    private static void waitIdle(long milliseconds) {
        try {
            Thread.sleep(milliseconds);
        } catch (InterruptedException e) {
            ending = true;
        }
    }

    private static void allocate() {
        byte[][] kept = new byte[64][];
        for (int i = 0; i < 1024; i++)
            kept[i % kept.length] = new byte[4096];
        sink += kept[0].length;
    }

    private static void burner() {
        while (!ending) {
            burnCpu(20);
            waitIdle(20);
        }
    }

    private static void burnerWithoutPause() {
        while (!ending)
            burnCpu(20);
    }

    private static void sleeper() {
        while (!ending)
            waitIdle(100);
    }

    private static void allocator() {
        while (!ending) {
            allocate();
            waitIdle(20);
        }
    }

    private static void start(String name, Runnable body) {
        Thread thread = new Thread(body, name);
        thread.setDaemon(false);
        thread.start();
    }

    private static String readLine() throws IOException {
        StringBuilder line = new StringBuilder();
        int c;
        while ((c = System.in.read()) != -1 && c != '\n')
            line.append((char) c);
        return line.toString();
    }

    public static void main(String[] args) throws Exception {
        String kind = args.length > 0 ? args[0] : "mixed";
        start("sleeper", Workload::sleeper);
        if (!kind.equals("idle")) {
            start("burner", Workload::burner);
            start("allocator", Workload::allocator);
        }
        if (kind.equals("busy"))
            for (int i = 0; i < Runtime.getRuntime().availableProcessors(); i++)
                start("busy-" + i, Workload::burnerWithoutPause);

        String name = ManagementFactory.getRuntimeMXBean().getName();
        System.out.println("ready " + name.substring(0, name.indexOf('@')));
        String line = readLine();
        if (line.equals("exit"))
            System.exit(0);
        ending = line.equals("return");
    }
}
