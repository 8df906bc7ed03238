// SPDX-License-Identifier: Apache-2.0
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.Random;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.BlockingQueue;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * A pretend order service to be profiled. Customers place orders; one worker prices and signs them, which is
 * where the CPU time goes; another one ships them, and waits most of the time for the carrier.
 */
public final class Demo {
    private static final Pattern ITEM = Pattern.compile("(\\w+)-(\\d+)\\s*x\\s*(\\d+)");
    private static final BlockingQueue<String> incoming = new ArrayBlockingQueue<>(100);
    private static final BlockingQueue<Order> priced = new ArrayBlockingQueue<>(100);

    private static final class Order {
        final List<Integer> prices = new ArrayList<>();
        long signature;
    }

    private static String writeOrder(Random random) {
        StringBuilder order = new StringBuilder();
        for (int i = 0; i < 50; i++)
            order.append(String.format(Locale.ROOT, "item-%d x %d;", random.nextInt(10000), random.nextInt(9) + 1));
        return order.toString();
    }

    private static Order parseOrder(String text) {
        Order order = new Order();
        Matcher matcher = ITEM.matcher(text);
        while (matcher.find())
            order.prices.add(Integer.parseInt(matcher.group(2)) * Integer.parseInt(matcher.group(3)));
        return order;
    }

    private static void applyDiscounts(Order order) {
        order.prices.sort(Comparator.reverseOrder());
        for (int i = 0; i < order.prices.size(); i++)
            if (i % 3 == 0)
                order.prices.set(i, order.prices.get(i) * 9 / 10);
    }

    private static void computeSignature(Order order) {
        long hash = 1125899906842597L;
        for (int round = 0; round < 20000; round++)
            for (int price : order.prices)
                hash = 31 * hash + price;
        order.signature = hash;
    }

    private static void waitForCarrier() throws InterruptedException {
        Thread.sleep(15);
    }

    private interface Step {
        void run() throws InterruptedException;
    }

    private static void repeat(String name, Step step) {
        new Thread(() -> {
            try {
                while (true)
                    step.run();
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
            }
        }, name).start();
    }

    public static void main(String[] args) {
        Random random = new Random(42);
        repeat("customers", () -> {
            incoming.put(writeOrder(random));
            Thread.sleep(2);
        });
        repeat("pricing", () -> {
            Order order = parseOrder(incoming.take());
            applyDiscounts(order);
            computeSignature(order);
            priced.put(order);
        });
        repeat("shipping", () -> {
            List<Order> batch = new ArrayList<>();
            batch.add(priced.take());
            priced.drainTo(batch);
            waitForCarrier();
        });
        System.out.println("the order service is open");
    }
}
